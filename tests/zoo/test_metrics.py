import numpy as np
import pytest

from zoo import metrics

# The label's score is the highest, the second, the lowest.
SCORES = np.array([[0.7, 0.2, 0.1], [0.5, 0.3, 0.2], [0.6, 0.3, 0.1]])
LABELS = np.array([0, 1, 2])


@pytest.mark.parametrize(("k", "share"), [(1, 1 / 3), (2, 2 / 3), (3, 1.0), (5, 1.0)])
def test_top_k_counts_labels_among_the_highest(k, share):
    assert metrics.top_k(LABELS, SCORES, k) == pytest.approx(share)


def test_constant_scores_earn_nothing():
    assert metrics.top_k(LABELS, np.ones((3, 3))) == 0


def test_scores_that_are_not_numbers_earn_nothing():
    assert metrics.top_k(LABELS, np.full((3, 3), np.nan), 5) == 0


def test_average_precision_by_hand():
    # Ranked: hit, miss, hit -> (1/1 + 2/3) / 2.
    labels = np.array([[1], [0], [1]])
    scores = np.array([[0.9], [0.8], [0.1]])
    assert metrics.average_precisions(labels, scores) == pytest.approx([5 / 6])


def test_clips_of_equal_scores_are_one_rank():
    # As scikit-learn: the hit shares a threshold with a miss, whatever their order.
    scores = np.array([[0.5], [0.5]])
    for labels in ([[1], [0]], [[0], [1]]):
        assert metrics.average_precisions(np.array(labels), scores) == [0.5]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_no_numbers_earn_nothing(bad):
    labels = np.array([[1], [1], [0]])
    assert metrics.mean_average_precision(labels, np.full((3, 1), bad)) == 0
    scores = np.array([[bad], [0.5], [0.1]])
    expected = 1 / 2 if bad == -np.inf else 1 / 4
    assert metrics.average_precisions(labels, scores) == [expected]


def test_negatives_that_are_no_numbers_count_as_above():
    labels, scores = np.array([[1], [0]]), np.array([[0.9], [np.nan]])
    assert metrics.average_precisions(labels, scores) == [0.5]


def test_classes_without_positives_are_left_out():
    labels = np.array([[1, 0], [0, 0]])
    scores = np.array([[0.9, 0.1], [0.1, 0.9]])
    assert metrics.mean_average_precision(labels, scores) == 1


def test_no_positive_at_all_is_an_error():
    with pytest.raises(ValueError, match="labels"):
        metrics.mean_average_precision(np.zeros((2, 2)), np.zeros((2, 2)))


def test_confusion_matrix_has_true_classes_in_rows():
    counts = metrics.confusion_matrix(np.array([0, 0, 1]), np.array([1, 1, 0]), 3)
    assert counts.tolist() == [[0, 2, 0], [1, 0, 0], [0, 0, 0]]


def test_each_task_has_its_scores():
    assert metrics.scores_of("single", LABELS, SCORES).keys() == {"top1", "top5"}
    assert metrics.scores_of("multi", np.eye(3), SCORES).keys() == {"map"}


def test_probabilities_of_large_logits_stay_finite():
    logits = np.array([[1000.0, 0.0], [-1000.0, 0.0]])
    large = metrics.probabilities("single", logits)
    np.testing.assert_allclose(large, [[1, 0], [0, 1]])
    single = metrics.probabilities("single", logits / 1000)
    np.testing.assert_allclose(single[0], [0.731059, 0.268941], rtol=1e-5)
    multi = metrics.probabilities("multi", logits / 1000)
    np.testing.assert_allclose(multi[:, 0], [0.731059, 0.268941], rtol=1e-5)


def test_hits_are_of_the_class_scored_highest():
    scores = np.array([[2, 1, 0], [2, 1, 0], [1, 1, 0], [np.nan, 1, 0], [0, 0, 5]])
    labels = np.array([0, 1, 0, 1, 2])
    hits = metrics.hits(labels, scores)
    assert hits.tolist() == [True, False, False, False, True]
    assert hits.mean() == metrics.top_k(labels, scores)
    many = np.array([[1, 0, 1], [0, 1, 1], [1, 1, 1], [0, 1, 0], [0, 0, 0]])
    assert metrics.hits(many, scores).tolist() == [True, False, True, False, False]


def test_overlap_counts_errors_of_both_and_of_either():
    first = np.array([True, False, False, False, True])
    second = np.array([True, True, False, False, False])
    assert metrics.overlap(first, second) == (2, 4)
    assert metrics.overlap(first, first) == (3, 3)
    assert metrics.overlap(np.array([True]), np.array([True])) == (0, 0)


@pytest.mark.parametrize("task", ["single", "multi"])
def test_logits_lead_back_to_probabilities(task):
    values = metrics.probabilities(task, [[3.0, -80, 0.5], [0, 0, 0], [200, 0, -200]])
    again = metrics.probabilities(task, metrics.logits_of(task, values))
    np.testing.assert_allclose(again, values, rtol=1e-5, atol=1e-30)


def test_fusion_of_logits_of_any_shape():
    logits = np.random.default_rng(0).normal(size=(2, 4, 5, 3))
    both = metrics.fused("single", logits, [1, 3])
    parts = [metrics.probabilities("single", part) for part in logits]
    np.testing.assert_allclose(both, 0.25 * parts[0] + 0.75 * parts[1], atol=1e-6)
    assert metrics.shares(2, [1, 3]) == [0.25, 0.75]
    assert metrics.shares(4) == [0.25] * 4


@pytest.mark.parametrize(
    ("count", "weights"), [(0, None), (2, []), (2, ["a", 1]), (2, [np.nan, 1])]
)
def test_shares_are_of_members_with_finite_weights(count, weights):
    with pytest.raises(ValueError, match=f"`weights` must be {count} finite numbers"):
        metrics.shares(count, weights)


@pytest.mark.parametrize("bad", [0.5, np.nan])
def test_classes_agree_with_their_mean_on_ties_and_on_what_is_no_number(bad):
    labels, scores = np.array([0, 1, 1]), np.full((3, 2), bad)
    scores[2] = 0, 1
    values = metrics.of_classes("single", labels, scores)
    np.testing.assert_array_equal(values, [0, 0.5])
    assert metrics.mean_class_accuracy(labels, scores) == 0.25


def test_scores_of_classes_leave_out_those_without_clips():
    labels, scores = np.array([0, 0, 2]), np.array([[2, 1, 0], [0, 1, 0], [0, 0, 1]])
    values = metrics.of_classes("single", labels, scores)
    np.testing.assert_array_equal(values, [0.5, np.nan, 1])
    hot = np.array([[1, 0], [0, 0], [1, 0]])
    values = metrics.of_classes("multi", hot, scores[:, :2])
    np.testing.assert_array_equal(
        values, metrics.average_precisions(hot, scores[:, :2])
    )
