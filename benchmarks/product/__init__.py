"""The product as the benchmark serves it: the sample site, plus one public channel."""
