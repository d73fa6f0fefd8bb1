"""The widgets: dumb, they draw a slice of state."""
