"""Reading and writing data sets: bags, folders, manifests."""
