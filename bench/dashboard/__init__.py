"""How does the dashboard look after a real run?"""
