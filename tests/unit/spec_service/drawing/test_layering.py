from hypothesis import given
from hypothesis import strategies as st

from spec_service.drawing.layering import lay_out

SIZES = st.lists(st.tuples(st.integers(10, 200), st.integers(10, 80)), min_size=1, max_size=25)


@st.composite
def graphs(draw):
    sizes = draw(SIZES)
    box = st.integers(0, len(sizes) - 1)
    return sizes, draw(st.lists(st.tuples(box, box), max_size=60))


def test_nothing_is_laid_out_without_boxes():
    assert lay_out([], []).places == ()


def test_a_chain_stands_upright():
    drawn = lay_out([(100, 20), (60, 20), (100, 20)], [(0, 1), (1, 2)])
    middles = [x + size / 2 for (x, _), size in zip(drawn.places, (100, 60, 100), strict=True)]
    assert middles == [50, 50, 50]
    assert [y for _, y in drawn.places] == sorted(y for _, y in drawn.places)


def test_a_way_back_goes_up():
    drawn = lay_out([(50, 20), (50, 20)], [(0, 1), (1, 0)])
    (_, down), (_, up) = ((route[0][1], route[-1][1]) for route in drawn.routes)
    assert drawn.routes[0][0][1] < down
    assert drawn.routes[1][0][1] > up
    assert drawn.routes[0][0][0] != drawn.routes[1][-1][0]  # beside each other


@given(graphs())
def test_boxes_lie_inside_and_never_on_one_another(graph):
    sizes, edges = graph
    drawn = lay_out(sizes, edges)
    boxes = [(x, y, x + w, y + h) for (x, y), (w, h) in zip(drawn.places, sizes, strict=True)]

    assert all(
        x >= -0.01 and y >= -0.01 and r <= drawn.width + 0.01 and b <= drawn.height + 0.01 for x, y, r, b in boxes
    )
    for at, (x, y, r, b) in enumerate(boxes):
        assert all(r <= x2 or r2 <= x or b <= y2 or b2 <= y for x2, y2, r2, b2 in boxes[at + 1 :])


@given(graphs())
def test_lines_begin_and_end_at_their_boxes(graph):
    sizes, edges = graph
    drawn = lay_out(sizes, edges)

    def touches(point, box):
        (x, y), (w, h) = drawn.places[box], sizes[box]
        return x - 0.01 <= point[0] <= x + w + 0.01 and y - 0.01 <= point[1] <= y + h + 0.01

    assert len(drawn.routes) == len(edges)
    for route, (a, b) in zip(drawn.routes, edges, strict=True):
        assert touches(route[0], a)
        assert touches(route[-1], b)
