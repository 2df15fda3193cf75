"""What papers report of the published architectures' accuracy."""

MOMENTS, KINETICS = "Moments in Time", "Kinetics-400"
# Top-1 in percent, of RGB or of RGB and flow as the network reads it, by name, with the
# data set. Networks that were pretrained on another data set are left out, and so are
# those of cells, as the papers' cells are others.
REPORTED: dict[str, tuple[float, str]] = {
    # Tiny Video Networks, https://arxiv.org/abs/1910.06961, tables 1 and 7.
    "tvn1": (23.1, MOMENTS),
    "tvn2": (24.2, MOMENTS),
    "tvn3": (25.4, MOMENTS),
    "tvn4": (27.8, MOMENTS),
    "tvn1_en": (28.2, MOMENTS),
    "resnet2plus1d_18": (21.1, MOMENTS),
    "resnet2plus1d_34": (24.2, MOMENTS),
    "resnet2plus1d_50": (28.1, MOMENTS),
    "resnet2plus1d_101": (30.2, MOMENTS),
    # AssembleNet, https://arxiv.org/abs/1905.13209, table 3.
    "assemblenet50": (31.41, MOMENTS),
    "two_stream_late_fusion": (28.97, MOMENTS),
    "two_stream_fusion_at_4": (30.00, MOMENTS),
    "two_stream_flow_to_rgb": (30.21, MOMENTS),
    "two_stream_fully_fuse_at_4": (29.87, MOMENTS),
    "four_stream_fully_fuse_at_4": (29.98, MOMENTS),
    # EvaNet, https://arxiv.org/abs/1811.10636, table 3.
    "inception_3d": (70.6, KINETICS),
    "inception_2plus1d": (71.1, KINETICS),
    "inception_itgm": (71.2, KINETICS),
    # As PV-NAS reports it, https://arxiv.org/abs/2011.00826, table 1.
    "i3d": (72.1, KINETICS),
}
