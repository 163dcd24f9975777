"""NLVR: true or false of pictures of shapes, by programs that are learned from truth values alone."""
