"""updeck: software updates for a fleet of appliances, driven safely from a terminal."""

__version__ = "0.1.0"
