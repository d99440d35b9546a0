"""The JSON interface. Each module has a `router`; what they answer is decided in the domain modules below."""
