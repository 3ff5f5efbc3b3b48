"""From results back to photos: pictures sorted by predictions, labels checked, and labels asked for."""
