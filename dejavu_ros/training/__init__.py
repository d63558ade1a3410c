"""Learning features from places seen twice."""
