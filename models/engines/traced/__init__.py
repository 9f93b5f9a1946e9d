"""Networks of torchvision's kind on OpenVINO: traced once, kept as graphs, run without torch.

One-shot networks (SSD, RetinaNet, FCOS) are one graph. Two-stage ones (Faster and Mask R-CNN) are two or three, since
what comes after the proposals runs once an object: the picture; the boxes; the masks. See graphs.py.
"""
