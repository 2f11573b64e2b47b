"""`porter check`: a whole repository, its legacy source and its models, again and again.

    discover ─▶ source: porter.lint ─┐
        └─────▶ models: convert, verify in processes of their own ─┴─▶ findings ─ baseline ─▶ output

TensorFlow and Keras are never imported here.
"""
