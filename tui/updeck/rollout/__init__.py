"""A fleet brought to a version: the plan, what stands against a step, what comes next, and what is to be reported."""
