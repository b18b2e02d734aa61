"""SocialHub, the sample site: wiring, and what a visitor sees."""
