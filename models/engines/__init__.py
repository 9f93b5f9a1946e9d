"""OpenVINO on the CPU, torch on CUDA; and the networks as OpenVINO graphs, built from their tensors."""
