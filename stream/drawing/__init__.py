"""Drawing on the planes of a picture: the annotated video and the audit strips."""
