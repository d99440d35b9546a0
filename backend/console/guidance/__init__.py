"""The guides of cities: edited beside the phone's screen, compared, published, and taken back."""
