"""Does the service keep up for a quarter of an hour, and keep its goodput when too much is asked of it?"""
