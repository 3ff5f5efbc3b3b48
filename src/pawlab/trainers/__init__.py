"""From features or pictures to a fitted classifier."""
