import pytest

from zoo.genotypes.cells import Cell, Edge, derive, edges, plain
from zoo.genotypes.plans.cells import Layer
from zoo.genotypes.tally import Features, Tally

OPERATIONS = ("conv3", "zero", "skip")


def test_edges_come_node_by_node():
    assert edges(2) == [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2)]
    assert [len(edges(nodes)) for nodes in (1, 4)] == [2, 14]  # As in both papers.


def test_the_strongest_operations_on_the_strongest_edges_are_kept():
    shares = [
        [0.5, 0.3, 0.2],
        [0.1, 0.8, 0.1],
        [0.2, 0.2, 0.6],
        [0.3, 0.4, 0.3],
        [0.4, 0.1, 0.5],
    ]
    assert derive(shares, OPERATIONS, nodes=2) == Cell(
        (
            (Edge(0, "conv3"), Edge(1, "conv3")),
            (Edge(0, "skip"), Edge(2, "skip")),
        )
    )


def test_so_many_edges_are_kept():
    shares = [[0.2, 0.0, 0.3], [0.4, 0.0, 0.1]]
    assert derive(shares, OPERATIONS, 1, keep=1).nodes == ((Edge(1, "conv3"),),)
    assert len(derive(shares, OPERATIONS, 1, keep=3).nodes[0]) == 2


def test_zero_is_never_kept_nor_counts():
    shares = [[0.04, 0.95, 0.01], [0.3, 0.3, 0.4], [0.3, 0.3, 0.4]]
    assert derive(shares[:2], OPERATIONS, 1, keep=1).nodes == ((Edge(1, "skip"),),)
    with pytest.raises(ValueError, match="`operations` must be not 'zero' alone"):
        derive([[1.0]] * 2, ("zero",), 1)


def test_the_first_of_equals_is_kept():
    shares = [[1 / 3] * 3] * len(edges(2))
    first = (Edge(0, "conv3"), Edge(1, "conv3"))
    assert derive(shares, OPERATIONS, 2) == Cell((first, first))


@pytest.mark.parametrize("shares", [[[1.0] * 3], [[1.0] * 2] * 2, []])
def test_refuses_a_table_of_another_shape(shares):
    rule = r"`shares` must be of shape \(2, 3\) for 1 nodes"
    with pytest.raises(ValueError, match=rule):
        derive(shares, OPERATIONS, 1)


def test_a_plain_cell_reads_its_inputs():
    assert plain(2).operations == ["skip"] * 4
    assert [edge.source for edge in plain(2).nodes[1]] == [0, 1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Edge(-1, "skip"), "`source` must be a whole number of at least 0"),
        (lambda: Edge(0, 3), "`operation` must be of type str"),
        (lambda: Cell(()), "`nodes` must be at least one"),
        (lambda: Cell(((),)), "`nodes` must be at least one edge into node 0"),
        (lambda: Cell(((Edge(2, "skip"),),)), "`source` must be below 2 for node 0"),
        (
            lambda: Cell(((Edge(1, "skip"), Edge(0, "skip")),)),
            "`nodes` must be edges of node 0 by rising sources, each of them once",
        ),
        (lambda: Cell(((Edge(1, "skip"), Edge(1, "conv1")),)), "each of them once"),
        (lambda: Cell((("skip",),)), "`nodes` must be of type"),
    ],
)
def test_refuses_nonsense(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_layers_cost_what_their_kernels_are():
    shape, wide = Features(2, 3, 4, 6), Features(2, 3, 4, 8)

    def macs(kind, **fields):
        tally = Tally()
        Layer(kind, "layer", shape, wide, **fields).tally(tally)
        assert tally.elements == wide.size
        return tally.macs // wide.size, tally.parameters // 8

    assert macs("space", size=3) == (54, 54)
    assert macs("rows", size=3) == macs("time", size=3) == (18, 18)
    assert macs("time", size=3, groups=2) == (9, 9)
    assert macs("depthwise", size=3) == (9, 9)
    assert macs("point") == macs("reduce", groups=2) == (6, 6)
    assert macs("norm") == (0, 2)
    assert macs("norm", affine=False) == macs("max_space", size=3) == (0, 0)
