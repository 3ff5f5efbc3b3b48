"""Where pictures are computed: on this machine's cores, on a device of it, or on a cluster. All have the same face."""
