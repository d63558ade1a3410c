"""What a person chooses for PoseNet. Loads nothing heavy: the command line's parser reads it."""

import dataclasses
from pathlib import Path

from dejavu_ros.config import option
from dejavu_ros.errors import ConfigError
from dejavu_ros.town.conditions import CONDITIONS

INPUTS = ('rgb', 'features')


@dataclasses.dataclass(frozen=True)
class PoseNetSettings:
    """The town and its drives, what the regressor sees, and how it is trained."""

    town: int = option(301, 'which town; seeds up to 300 train, validate and test the features, those above are free',
                       low=301)
    train_condition: str = option('overcast-summer', 'season of the drives that the regressor learns from',
                                  choices=CONDITIONS)
    test_condition: str = option(','.join(CONDITIONS), 'seasons of the test drives, one each, separated by commas')
    train_drives: int = option(3, 'drives to learn from, side by side, each with its own light and traffic', low=2,
                               high=20)
    train_step: float = option(3.0, 'way from frame to frame of a training drive; their frames interleave', unit='m',
                               low=0.1, high=100.0)
    test_step: float = option(6.0, 'way from frame to frame of a test drive', unit='m', low=0.1, high=100.0)
    inputs: str = option(','.join(INPUTS), 'pictures, frozen feature maps or both, separated by commas')
    checkpoint: str = option('', 'files of weights for features, separated by commas, each a method of its own; empty '
                                 'is the shipped one')
    input_width: int = option(96, 'width of the pictures that the regressor sees, and twice that of its feature maps',
                              unit='px', low=32, high=512)
    input_height: int = option(72, 'height of the same', unit='px', low=32, high=512)
    versions: int = option(2, 'of each training frame: itself and others in changed light, the same for every input',
                           low=1, high=50)
    photometric: float = option(0.7, 'how much the light is changed', low=0.0, high=1.0)
    weighting: str = option('learned', 'of rotation against position: learned uncertainties (Kendall and Cipolla 2017) '
                                       'or the fixed beta (Kendall et al. 2015)', choices=('learned', 'beta'))
    beta: float = option(60.0, 'weight of the quaternion\'s distance against metres', unit='m', low=0.0, high=1e5)
    epochs: int = option(40, 'passes over the training frames', low=1)
    batch: int = option(32, 'frames of a step', low=2, high=4096)
    learning_rate: float = option(2e-3, 'its peak', low=0.0, high=10.0)
    weight_decay: float = option(0.05, 'decoupled, of AdamW', low=0.0, high=10.0)
    dropout: float = option(0.3, 'share of the regressor\'s last vector that is left out in training', low=0.0,
                            high=0.95)
    seeds: int = option(3, 'trainings of each method, of which mean and spread are told', low=1, high=100)
    device: str = option('cpu', 'torch device, e.g. cpu or cuda')

    def __post_init__(self) -> None:
        for name, known in (('test_condition', CONDITIONS), ('inputs', INPUTS)):
            if not set(getattr(self, name).split(',')) <= set(known):
                raise ConfigError(f'--{name.replace("_", "-")} must be some of {", ".join(known)}, got '
                                  f'{getattr(self, name)!r}')
        if self.input_width % 2 or self.input_height % 2:
            raise ConfigError(f'--input-width and --input-height must be even, got {self.input_width} and '
                              f'{self.input_height}')
        names = [Path(name).stem for name in self.checkpoints]
        if len(set(names)) < len(names):
            raise ConfigError(f'--checkpoint must have names that differ, got {self.checkpoint!r}')

    @property
    def test_conditions(self) -> list[str]:
        return self.test_condition.split(',')

    @property
    def checkpoints(self) -> list[str]:
        """Files of weights whose features are an input; none where pictures alone are."""
        return self.checkpoint.split(',') if 'features' in self.inputs.split(',') else []
