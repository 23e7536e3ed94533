"""The networks that are measured, and what a training step of them costs."""

from tuner.config import (
    Config,
    ConvLayer,
    DataConfig,
    DenseLayer,
    Distortions,
    FlipLeftRight,
    LogitsLayer,
    ModelConfig,
    Saturation,
    TrainingConfig,
    conv_width,
)
from tuner.cost import cost_of, flat_width

KERNELS = (5, 3)
PLAIN, FLIP = Distortions(), Distortions(flip_left_right=FlipLeftRight())
SATURATION = Distortions(saturation=Saturation(min_value=0.7, max_value=1.3))


def network(filters: tuple[int, ...], units: int, size: int, distortions: Distortions = PLAIN) -> Config:
    """Convolutions (5 x 5, then 3 x 3) with 2 x 2 max-pooling, one dense layer, dropout before it and behind it."""
    layers = tuple(ConvLayer(num_filters=n, kernel_size=k) for n, k in zip(filters, KERNELS, strict=False))
    return Config(
        data=DataConfig(folds=5, random_seed=130, distortions=distortions),
        model=ModelConfig(
            image_size=size,
            conv_layers=layers,
            dense_layers=(DenseLayer(num_units=units, dropout_rate=0.4),),
            logits_layer=LogitsLayer(dropout_rate=0.4),
        ),
        training=TrainingConfig(max_steps=1_000_000),
    )


ON_CPU = {
    "32+64 filters": network((32, 64), 512, 48),
    "32+64 filters, flip": network((32, 64), 512, 48, FLIP),
    "16 filters": network((16,), 64, 32),
    "16 filters, flip": network((16,), 64, 32, FLIP),
    "16+16 filters": network((16, 16), 64, 32),
    "16+16 filters, flip": network((16, 16), 64, 32, FLIP),
    "16+16 filters, saturation": network((16, 16), 64, 32, SATURATION),
}
ON_GPU = {
    "32+64 filters": network((32, 64), 512, 48),
    "32+32 filters": network((32, 32), 512, 48),
    "128+128 filters": network((128, 128), 512, 48),
    "256+256 filters": network((256, 256), 512, 48),
}
NETWORKS = {**ON_GPU, **ON_CPU}


def step_flops(model: ModelConfig, num_neurons: int, images: int) -> int:
    """Operations of one training step, two a multiply-add; the first layer needs no gradient of its input."""
    return 2 * images * (3 * cost_of(model, num_neurons).macs - _first_layer_macs(model, num_neurons))


def _first_layer_macs(model: ModelConfig, num_neurons: int) -> int:
    if model.conv_layers:
        layer = model.conv_layers[0]
        return 3 * layer.num_filters * layer.kernel_size**2 * conv_width(layer, model.image_size) ** 2
    return flat_width(model) * (model.dense_layers[0].num_units if model.dense_layers else num_neurons)
