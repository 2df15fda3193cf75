"""How genotypes unfold into layers with shapes, one file per paper."""
