"""Which outputs are chosen where nobody names them, in small graphs."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf
from graphs import trained, v1, variable

from porter.errors import UnreadableSource
from porter.read import make_original
from porter.read.model import Source


def test_labels_losses_and_copies_are_left_aside(graph):
    def network(x, scope, trainable):
        with v1.variable_scope(scope):
            hidden = tf.nn.relu(tf.matmul(x, variable("a", 4, 8, trainable=trainable)))
            return tf.matmul(hidden, variable("b", 8, 3, trainable=trainable)) + variable("c", 3, trainable=trainable)

    first, second = v1.placeholder(tf.float32, [None, 4], "p"), v1.placeholder(tf.float32, [None, 4], "q")
    labels = v1.placeholder(tf.float32, [None, 3], "r")
    target, online = network(second, "target", False), network(first, "online", True)
    loss = tf.reduce_mean(tf.square(labels + 0.9 * target - online))
    v1.train.AdamOptimizer().minimize(loss)
    original = trained(graph)
    assert original.outputs == [online.name]
    assert original.inputs == ["p:0"]
    assert any("2 copies" in warning and target.name in warning for warning in original.warnings)
    told = {c.tensor: c.why for c in original.input_candidates}
    assert "labels" in told["r:0"]


def test_probabilities_before_classes_and_all_heads(graph):
    x = v1.placeholder(tf.float32, [None, 4], "x")
    trunk = tf.nn.relu(tf.matmul(x, variable("t", 4, 8)))
    classes = tf.nn.softmax(tf.matmul(trunk, variable("a", 8, 3)))
    tf.argmax(classes, 1)
    value = tf.matmul(trunk, variable("b", 8, 1)) + variable("c", 1)
    assert trained(graph).outputs == [classes.name, value.name]


def test_a_match_of_two_embeddings_is_the_output(graph):
    user, item = (v1.placeholder(tf.int32, [None], name) for name in ("user", "item"))
    wanted = v1.placeholder(tf.float32, [None], "wanted")
    vectors = tf.gather(variable("u", 9, 4), user), tf.gather(variable("v", 7, 4), item)
    score = tf.reduce_sum(vectors[0] * vectors[1], 1) + variable("mean") + tf.gather(variable("b", 9), user)
    v1.train.AdamOptimizer().minimize(tf.reduce_mean(tf.square(score - wanted)))
    assert trained(graph).outputs == [score.name]


def test_actor_and_critic_are_no_copies_of_each_other(graph):
    state, wanted = v1.placeholder(tf.float32, [None, 4], "state"), v1.placeholder(tf.float32, [None, 2], "wanted")

    def network(scope, trainable=True):
        with v1.variable_scope(scope):
            hidden = tf.nn.relu(tf.matmul(state, variable("a", 4, 8, trainable=trainable)))
            return tf.matmul(hidden, variable("b", 8, 1, trainable=trainable))

    actor, critic, old = network("actor"), network("critic"), network("old", False)
    loss = tf.reduce_mean(actor * wanted[:, :1] - old * wanted[:, 1:]) + tf.reduce_mean(
        tf.square(critic - wanted[:, 1:])
    )
    v1.train.AdamOptimizer().minimize(loss)
    assert trained(graph).outputs == [actor.name, critic.name]


def test_what_an_autoencoder_draws_from_is_an_output_too(graph):
    x = v1.placeholder(tf.float32, [None, 6], "x")
    mean, spread = (tf.matmul(x, variable(name, 6, 2)) for name in ("mean", "spread"))
    code = mean + tf.exp(0.5 * spread) * v1.random_normal(tf.shape(mean))
    again = tf.sigmoid(tf.matmul(code, variable("decoder", 2, 6)))
    unlike = tf.reduce_mean(1 + spread - tf.square(mean) - tf.exp(spread))
    v1.train.AdamOptimizer().minimize(tf.reduce_mean(tf.square(again - x)) - unlike)
    assert trained(graph).outputs == [mean.name, spread.name, again.name]


def test_a_softmax_written_by_hand_is_one(graph):
    x, wanted = v1.placeholder(tf.float32, [None, 4], "x"), v1.placeholder(tf.float32, [None, 3], "wanted")
    scores = tf.nn.relu(tf.matmul(x, variable("a", 4, 3)))
    powers = tf.exp(scores - tf.reduce_max(scores, 1, keepdims=True))
    shares = powers / tf.reduce_sum(powers, 1, keepdims=True)
    v1.train.AdamOptimizer().minimize(tf.nn.softmax_cross_entropy_with_logits(wanted, scores))
    assert trained(graph).outputs == [shares.name]


def test_parts_that_are_put_together_again_are_the_output(graph):
    x, wanted = v1.placeholder(tf.float32, [None, 4], "x"), v1.placeholder(tf.float32, [None, 5], "wanted")
    found = tf.matmul(x, variable("a", 4, 5))
    boxes = tf.concat([tf.sigmoid(found[:, :2]), tf.exp(found[:, 2:4]), tf.sigmoid(found[:, 4:])], 1)
    v1.train.AdamOptimizer().minimize(tf.reduce_mean(tf.square(boxes - wanted)))
    assert trained(graph).outputs == [boxes.name]


def test_what_ctc_decodes_is_the_output(graph):
    x, lengths = v1.placeholder(tf.float32, [None, 9, 4], "x"), v1.placeholder(tf.int32, [None], "lengths")
    scores = tf.reshape(tf.matmul(tf.reshape(x, [-1, 4]), variable("a", 4, 5)), [-1, 9, 5])
    decoded, _ = tf.nn.ctc_beam_search_decoder(tf.transpose(scores, [1, 0, 2], name="columns"), lengths)
    tf.identity(tf.sparse.to_dense(decoded[0]), name="predicted_text")
    assert trained(graph).outputs == ["columns:0"]


def test_a_residual_of_derivatives_is_no_output(graph):
    x, wanted = v1.placeholder(tf.float32, [None, 1], "x"), v1.placeholder(tf.float32, [None, 1], "wanted")
    answer = tf.matmul(tf.tanh(tf.matmul(x, variable("a", 1, 4))), variable("b", 4, 1))
    residual = variable("speed", 1) * answer * tf.gradients(answer, x)[0]
    v1.train.AdamOptimizer().minimize(tf.reduce_mean(tf.square(residual)) + tf.reduce_mean(tf.square(answer - wanted)))
    assert trained(graph).outputs == [answer.name]


def test_how_likely_an_action_is_is_no_output(graph):
    state, action = v1.placeholder(tf.float32, [None, 4], "state"), v1.placeholder(tf.float32, [None, 2], "action")
    mean, spread = tf.matmul(state, variable("a", 4, 2)), tf.exp(variable("spread", 2))
    drawn = tf.add(mean, spread * v1.random_normal([2]), "drawn")
    v1.train.AdamOptimizer().minimize(-tf.reduce_mean(tf.reduce_sum(tf.square(action - mean) / spread, 1)))
    original = trained(graph)
    assert original.outputs == [mean.name, drawn.name]
    assert original.inputs == ["state:0"]


def test_a_distance_of_embeddings_is_the_output(graph):
    head, relation, tail = (v1.placeholder(tf.int32, [None], name) for name in ("head", "relation", "tail"))
    things, relations = variable("things", 9, 4), variable("relations", 5, 4)
    parts = tf.gather(things, head), tf.gather(relations, relation), tf.gather(things, tail)
    distance = tf.reduce_sum(tf.abs(parts[0] + parts[1] - parts[2]), 1, keepdims=True)
    v1.train.AdamOptimizer().minimize(tf.reduce_mean(distance))
    assert trained(graph).outputs == [distance.name]


def test_a_product_of_data_and_a_vector_is_summed_up_and_shifted(graph):
    x, wanted = v1.placeholder(tf.float32, [None, 4], "x"), v1.placeholder(tf.float32, [None], "wanted")
    answer = tf.reduce_sum(x * variable("slope", 4), 1) + variable("height")
    v1.train.AdamOptimizer().minimize(tf.reduce_mean(tf.square(answer - wanted)))
    assert trained(graph).outputs == [answer.name]


def test_a_checkpoint_of_a_part_of_the_graph_gives_what_it_covers(graph):
    x, wanted = v1.placeholder(tf.float32, [None, 4], "x"), v1.placeholder(tf.float32, [None, 2], "wanted")
    covered = tf.tanh(tf.matmul(x, variable("encoder", 4, 3)))
    answer = tf.matmul(covered, variable("head", 3, 2))
    v1.train.AdamOptimizer().minimize(tf.reduce_mean(tf.square(answer - wanted)))
    names = {"trainable_variables": [v.name for v in v1.trainable_variables()]}
    stored = {"encoder": ((4, 3), "float32")}
    source = Source(Path("model"), "checkpoint", [], graph.as_graph_def(), collections=names, stored=stored)
    original = make_original(source)
    assert original.outputs == [covered.name]
    assert any("head" in warning for warning in original.warnings)
    with pytest.raises(UnreadableSource, match="not in the checkpoint"):
        make_original(source, outputs=[answer.name])


def test_an_actor_ends_where_its_critic_begins(graph):
    state, wanted = v1.placeholder(tf.float32, [None, 4], "state"), v1.placeholder(tf.float32, [None, 1], "wanted")
    action = tf.tanh(tf.matmul(state, variable("actor", 4, 2)))
    seen = tf.nn.relu(tf.matmul(state, variable("critic/seen", 4, 3)))
    value = tf.matmul(tf.concat([seen, action], 1), variable("critic/value", 5, 1))
    optimizer, weights = v1.train.AdamOptimizer(), v1.trainable_variables()
    optimizer.minimize(-tf.reduce_mean(value), var_list=weights[:1])
    optimizer.minimize(tf.reduce_mean(tf.square(value - wanted)), var_list=weights[1:])
    assert trained(graph).outputs == [value.name, action.name] or trained(graph).outputs == [action.name, value.name]


def test_embeddings_that_a_last_layer_classifies_in_training_are_an_output_too(graph):
    x, label = v1.placeholder(tf.float32, [None, 4], "x"), v1.placeholder(tf.int32, [None], "label")
    features = tf.matmul(x, variable("a", 4, 6))
    tf.nn.l2_normalize(features, 1, name="embeddings")
    classes = tf.matmul(features, variable("b", 6, 3))
    v1.train.AdamOptimizer().minimize(tf.nn.sparse_softmax_cross_entropy_with_logits(label, classes))
    assert trained(graph).outputs == ["embeddings:0", classes.name]


def test_what_no_loss_needs_is_no_output(graph):
    x, wanted = v1.placeholder(tf.float32, [None, 4], "x"), v1.placeholder(tf.float32, [None, 3], "wanted")
    hidden = tf.nn.relu(tf.matmul(x, variable("a", 4, 4)))
    tf.matmul(hidden, variable("unused", 4, 4)) + hidden
    answer = tf.matmul(hidden, variable("b", 4, 3))
    v1.train.AdamOptimizer().minimize(tf.reduce_mean(tf.square(answer - wanted)))
    assert trained(graph).outputs == [answer.name]


def test_what_was_computed_last_is_the_output_of_a_graph_that_only_infers(graph):
    x = v1.placeholder(tf.float32, [None, 4], "x")
    boxes = tf.concat([tf.matmul(x, variable("a", 4, 3)) * 8.0, tf.sigmoid(tf.matmul(x, variable("b", 4, 2)))], 1)
    first, last = tf.split(boxes, [2, 3], 1)
    corners = tf.concat([first - 1.0, last / 2.0], 1)
    assert trained(graph).outputs == [corners.name]


def test_last_states_that_nobody_used_are_no_outputs_beside_a_named_one(graph):
    x = v1.placeholder(tf.float32, [None, 3, 4], "x")
    cell = v1.nn.rnn_cell.MultiRNNCell([v1.nn.rnn_cell.BasicLSTMCell(4) for _ in range(3)])
    answers, _ = v1.nn.dynamic_rnn(cell, x, dtype=tf.float32)
    tf.identity(answers, "encoded")
    assert trained(graph).outputs == ["encoded:0"]


def test_a_normalisation_that_was_folded_into_its_convolution_is_no_output(graph):
    x = v1.placeholder(tf.float32, [None, 5, 5, 3], "x")
    kernel, weights = variable("kernel", 3, 3, 3, 3), [variable(name, 3) for name in ("gamma", "beta", "mean", "var")]
    gamma, beta, mean, var = weights
    v1.nn.fused_batch_norm(v1.nn.conv2d(x, kernel, 1, "SAME"), *weights, is_training=False)
    scale = gamma * tf.math.rsqrt(var + 0.001)
    hidden = tf.nn.relu(v1.nn.conv2d(x, kernel * scale, 1, "SAME") + (beta - mean * scale))
    answer = tf.matmul(tf.reduce_mean(hidden, [1, 2]), variable("last", 3, 2))
    assert trained(graph).outputs == [answer.name]


def test_a_flow_is_the_output_once_it_is_resized(graph):
    x, wanted = v1.placeholder(tf.float32, [None, 4, 4, 3], "x"), v1.placeholder(tf.float32, [None, 8, 8, 2], "wanted")
    flow = v1.nn.conv2d(x, variable("kernel", 3, 3, 3, 2), 1, "SAME")
    flow = v1.image.resize_bilinear(flow, [8, 8])
    v1.train.AdamOptimizer().minimize(tf.reduce_mean(tf.square(flow - wanted)))
    assert trained(graph).outputs == [flow.name]


def test_of_a_generator_and_its_discriminator_the_generator_is_converted(graph):
    def discriminator(x):
        with v1.variable_scope("d", reuse=v1.AUTO_REUSE):
            return tf.matmul(tf.nn.relu(tf.matmul(x, variable("a", 6, 5))), variable("b", 5, 1))

    noise, real = v1.placeholder(tf.float32, [None, 4], "noise"), v1.placeholder(tf.float32, [None, 6], "real")
    made = tf.tanh(tf.matmul(tf.nn.relu(tf.matmul(noise, variable("g/a", 4, 5))), variable("g/b", 5, 6)))
    of_real, of_made = tf.sigmoid(discriminator(real)), tf.sigmoid(discriminator(made))
    for scope, loss in (("d", tf.math.log(of_real) - tf.math.log(of_made)), ("g", tf.math.log(of_made))):
        v1.train.AdamOptimizer().minimize(tf.reduce_mean(loss), var_list=v1.trainable_variables(scope))
    original = trained(graph)
    assert (original.outputs, original.inputs) == ([made.name], ["noise:0"])
    assert any(of_real.name in warning and "judges" in warning for warning in original.warnings)


def test_what_a_last_block_gives_to_no_next_one_is_no_output(graph):
    x, wanted = v1.placeholder(tf.float32, [None, 4], "x"), v1.placeholder(tf.float32, [None, 3], "wanted")
    answers = []
    for block in "ab":
        answers.append(tf.matmul(x, variable(f"{block}/answer", 4, 3)))
        x = x + tf.matmul(answers[-1], variable(f"{block}/next", 3, 4))
    v1.train.AdamOptimizer().minimize(tf.reduce_mean(tf.square(tf.add_n(answers) - wanted)))
    x * 2.0
    assert trained(graph).outputs == ["AddN:0"]


@pytest.mark.parametrize("meet", [False, True])
def test_parts_that_are_split_off_are_outputs_unless_they_meet_again(graph, meet):
    x, wanted = v1.placeholder(tf.float32, [None, 4], "x"), v1.placeholder(tf.float32, [None, 1], "wanted")
    shares, deviations, means = tf.split(tf.matmul(x, variable("a", 4, 9)), 3, 1)
    powers, deviations = tf.exp(shares), tf.exp(deviations)
    shares = (1 / tf.reduce_sum(powers, 1, keepdims=True)) * powers
    if meet:
        means = means + deviations
    likely = tf.reduce_sum(shares * tf.exp(-tf.square((wanted - means) / deviations)) / deviations, 1)
    v1.train.AdamOptimizer().minimize(-tf.reduce_mean(tf.math.log(likely)))
    outputs = trained(graph).outputs
    assert (set(outputs) == {shares.name, deviations.name, means.name}) is not meet
    assert meet is (len(outputs) == 1)


@pytest.mark.parametrize("only", [True, False])
def test_a_tanh_that_is_only_there_to_be_rescaled_is_not_the_output(graph, only):
    x, wanted = v1.placeholder(tf.float32, [None, 4], "x"), v1.placeholder(tf.float32, [None, 4], "wanted")
    bounded = tf.tanh(tf.matmul(x, variable("a", 4, 4)))
    picture = bounded * 150.0 + 127.5
    loss = tf.reduce_mean(tf.square(picture - wanted)) + (0.0 if only else tf.reduce_mean(bounded))
    v1.train.AdamOptimizer().minimize(loss)
    assert trained(graph).outputs == [picture.name if only else bounded.name]


def test_what_moves_an_average_is_no_output():
    """A graph that holds no training but the updates of a batch normalization."""
    import lab

    def build(tf):
        x = tf.placeholder("float32", [None, 4, 4, 3], name="x")
        training = tf.placeholder("bool", [], name="training")
        return tf.identity(tf.layers.batch_normalization(x, training=training), "y")

    source, _ = lab.source_of(build)
    assert make_original(source).outputs == ["y:0"]


def test_a_sigmoid_written_by_hand_is_one_whatever_is_masked_with_it(graph):
    x, wanted = v1.placeholder(tf.float32, [None, 4], "x"), v1.placeholder(tf.float32, [None, 3], "wanted")
    answer = tf.constant(1.0) / (1.0 + tf.exp(-(tf.matmul(x, variable("a", 4, 3)) + variable("b", 3))))
    v1.train.AdamOptimizer().minimize(tf.reduce_mean(tf.square(answer - wanted)))
    assert trained(graph).outputs == [answer.name]


def test_parts_that_only_summaries_show_are_no_outputs(graph):
    x, wanted = v1.placeholder(tf.float32, [None, 4, 4, 3], "x"), v1.placeholder(tf.float32, [None, 4, 4, 2], "wanted")
    maps = tf.nn.softmax(v1.nn.conv2d(x, variable("kernel", 3, 3, 3, 2), 1, "SAME"))
    v1.train.AdamOptimizer().minimize(-tf.reduce_mean(wanted * tf.math.log(maps)))
    for i in range(2):
        v1.summary.image(f"map{i}", tf.slice(maps, [0, 0, 0, i], [-1, -1, -1, 1]))
    assert trained(graph).outputs == [maps.name]


def test_an_angle_that_is_only_there_to_be_doubled_is_not_the_output(graph):
    x, wanted = v1.placeholder(tf.float32, [None, 4], "x"), v1.placeholder(tf.float32, [None, 1], "wanted")
    angle = 2.0 * tf.atan(tf.matmul(x, variable("a", 4, 1)) + variable("b", 1))
    v1.train.AdamOptimizer().minimize(tf.reduce_mean(tf.square(wanted - angle)))
    assert trained(graph).outputs == [angle.name]


def test_two_pictures_that_are_faded_into_each_other_are_one_output(graph):
    z, wanted = v1.placeholder(tf.float32, [None, 4], "z"), v1.placeholder(tf.float32, [None, 6], "wanted")
    hidden, alpha = tf.nn.relu(tf.matmul(z, variable("a", 4, 5))), variable("alpha", trainable=False)
    old, new = tf.matmul(hidden, variable("b", 5, 6)), tf.matmul(tf.tanh(hidden), variable("c", 5, 6))
    faded = (1.0 - alpha) * old + alpha * new
    v1.train.AdamOptimizer().minimize(tf.reduce_mean(tf.square(wanted - faded)))
    assert trained(graph).outputs == [faded.name]


def test_what_a_loop_writes_is_the_output_with_the_batch_in_front(graph):
    x = v1.placeholder(tf.float32, [None, 3, 4], "x")
    states, _ = v1.nn.dynamic_rnn(v1.nn.rnn_cell.BasicRNNCell(5), x, dtype=tf.float32)
    v1.train.AdamOptimizer().minimize(tf.reduce_mean(tf.square(states)))
    assert states.name in trained(graph).outputs


def test_what_is_to_be_expected_by_probabilities_is_the_output(graph):
    x, wanted = v1.placeholder(tf.float32, [None, 4], "x"), v1.placeholder(tf.float32, [None, 2, 5], "wanted")
    shares = tf.nn.softmax(tf.reshape(tf.matmul(x, variable("a", 4, 10)), [-1, 2, 5]))
    values = tf.reduce_sum(tf.linspace(-1.0, 1.0, 5) * shares, 2)
    v1.train.AdamOptimizer().minimize(-tf.reduce_mean(wanted * tf.math.log(shares)))
    assert trained(graph).outputs == [values.name]


def test_a_reshape_that_changes_nothing_is_what_the_network_gives(graph):
    x, wanted = v1.placeholder(tf.float32, [None, 4], "x"), v1.placeholder(tf.float32, [None, 1], "wanted")
    answer = tf.reshape(tf.sigmoid(tf.matmul(x, variable("a", 4, 1))), [-1, 1])
    v1.train.AdamOptimizer().minimize(tf.reduce_mean(tf.square(wanted - answer)))
    assert trained(graph).outputs == [answer.name]
