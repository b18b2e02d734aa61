"""What the product is measured against, each as its documentation shows it."""
