"""Kit: access to MongoDB. Only this package and the stores import the driver."""
