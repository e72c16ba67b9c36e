//! Trains the network on the CPU or a GPU.
