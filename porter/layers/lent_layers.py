"""`lent_config` and `with_lent`: for layers that use a layer of the model around them, such as a table of words."""

import keras


def lent_config(**lent):
    """Entries for `get_config`. By the id Keras knows, when it loads a model, which layer it has made already."""
    return {
        name: {**keras.saving.serialize_keras_object(layer), "shared_object_id": id(layer)}
        for name, layer in lent.items()
    }


def with_lent(config, *names):
    """What `get_config` gave, with layers again under these names."""
    return {**config, **{name: keras.saving.deserialize_keras_object(config[name]) for name in names}}
