"""The machine itself: cpu, memory, disks, network, processes, as the kernel tells them."""
