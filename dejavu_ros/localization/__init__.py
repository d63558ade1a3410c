"""From an image to a place on the map, or to the answer that it is unknown. No ROS here."""

from dejavu_ros.localization.config import LocalizerConfig
from dejavu_ros.localization.estimate import REJECT_REASONS, Estimate, Hypothesis
from dejavu_ros.localization.localizer import Localizer

__all__ = ['REJECT_REASONS', 'Estimate', 'Hypothesis', 'Localizer', 'LocalizerConfig']
