import browser
import pytest

from zoo import drawing
from zoo.genotypes import FOUND

# Texts that reach out of their squares, of their boxes or into a square beside them.
OUTSIDE = """(() => {
    const inside = (a, b) => a.left >= b.left && a.right <= b.right
        && a.top >= b.top && a.bottom <= b.bottom;
    const apart = (a, b) => a.right <= b.left || b.right <= a.left
        || a.bottom <= b.top || b.bottom <= a.top;
    const room = item => item.getBoundingClientRect();
    const found = [];
    for (const text of document.querySelectorAll('text')) {
        const legend = text.closest('.legend');
        const outer = legend ? text.ownerSVGElement : text.closest('.same');
        const own = text.getAttribute('text-anchor') ? text.parentNode : outer;
        const frame = own.querySelector(':scope > rect');
        const squares = [...outer.querySelectorAll('.layer > rect')];
        const good = inside(room(text), room(frame)) && (own !== outer
            || squares.every(square => apart(room(text), room(square))));
        if (!good) found.push(text.textContent);
    }
    return found;
})()"""


@pytest.mark.slow
@pytest.mark.skipif(browser.find() is None, reason="needs Chromium")
def test_in_a_browser_texts_stay_where_there_is_room_for_them(tmp_path):
    with browser.page() as opened:
        for name, genotype in FOUND.items():
            drawing.draw(genotype, tmp_path / "net.svg")
            opened.open(tmp_path / "net.svg")
            assert opened.run(OUTSIDE) == [], name
