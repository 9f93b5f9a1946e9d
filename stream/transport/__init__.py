"""Between workers: messages over ZeroMQ, pixels in shared memory, and the words of the supervisor."""
