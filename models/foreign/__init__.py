"""Detectors of others, brought by the user: an ONNX or OpenVINO IR file with one of the usual output layouts.

A model is named by the description beside its file: `--weights my-detector.yaml` (models/foreign/description.py).
"""
