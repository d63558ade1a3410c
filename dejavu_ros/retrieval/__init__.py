"""One vector an image: NetVLAD or GeM pooling over dense maps, to find the few keyframes worth a closer look."""
