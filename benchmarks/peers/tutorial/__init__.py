"""The baseline: the consumer of the Channels tutorial, as its part 3 ends.

https://channels.readthedocs.io/en/stable/tutorial/part_3.html
"""
