"""Cells that several tests share: of one operation, and random ones."""

from zoo.genotypes.cells import FREE, Cell, Edge


def uniform(operation, nodes=4, keep=2):
    """A cell of one operation, whose nodes read the last sources that there are."""
    return Cell(
        tuple(
            tuple(Edge(source, operation) for source in range(n + 2 - keep, n + 2))
            for n in range(nodes)
        )
    )


def random_cell(operations, rng, nodes=4, keep=2, least=0):
    """Any cell with at least so many operations that have weights."""
    known = [name for name in operations if name != "zero"]
    while True:
        cell = Cell(
            tuple(
                tuple(
                    Edge(source, rng.choice(known))
                    for source in sorted(rng.sample(range(n + 2), keep))
                )
                for n in range(nodes)
            )
        )
        if sum(name not in FREE for name in cell.operations) >= least:
            return cell


def random_genotype(genotype_class, rng, nodes=4, keep=2, least=0, **layout):
    """Any network of cells of a layout."""
    cells = {
        kind: random_cell(operations, rng, nodes, keep, least)
        for kind, operations in genotype_class.KINDS.items()
    }
    return genotype_class.with_cells(cells, **layout)


def turned(operations, start, nodes=4, keep=2):
    """A cell of all operations in their order, from one of them on."""
    known = [name for name in operations if name != "zero"]
    names = iter(range(start, start + nodes * keep))
    return Cell(
        tuple(
            tuple(
                Edge(source, known[next(names) % len(known)])
                for source in range(n + 2 - keep, n + 2)
            )
            for n in range(nodes)
        )
    )
