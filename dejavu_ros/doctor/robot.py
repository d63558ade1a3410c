"""The topics of a running robot."""

import os
from collections.abc import Iterator

from dejavu_ros.doctor.finding import Finding, bad, good, note
from dejavu_ros.ros.delivery import explain
from dejavu_ros.ros.transport import transport

LISTENING = 3.0  # seconds a topic
OLD = 1.0  # seconds between a stamp and its arrival
SLOW = 0.5  # Hz


def examine(image_topic: str, odom_topic: str) -> Iterator[Finding]:
    """Findings on the camera (empty: whichever publishes), the odometry (empty: none) and nodes that run."""
    from dejavu_ros.ros.inspection import IMAGES, ODOMETRY, Inspector

    with Inspector() as inspector:
        known = inspector.image_topics()
        if not image_topic and len(known) != 1:
            text = f'images are on {", ".join(known)}' if known else 'nobody publishes images'
            yield (note if known else bad)('camera', text, 'say which with --image-topic' if known else
                                           'start the camera; is ROS_DOMAIN_ID the robot\'s?')
        else:
            yield from stream(inspector, 'camera', image_topic or known[0], IMAGES)
        if odom_topic:
            yield from stream(inspector, 'odometry', odom_topic, ODOMETRY)
        found = inspector.diagnoses(LISTENING)
        for name, message in found.items():
            text = f'{name} says: {message}'
            yield good('node', text) if message == 'Localized.' else note('node', text, 'docs/troubleshooting.md '
                                                                          'explains what it says')
        if not found:
            yield note('node', 'no relocalize node speaks on /diagnostics',
                       'ros2 launch dejavu_ros relocalize.launch.py map:=M image_topic:=T')


def stream(inspector, subject: str, name: str, kinds: dict[str, type]) -> Iterator[Finding]:
    """Findings on one topic that should carry messages of one of ``kinds``, by the names of their types."""
    topic = inspector.topic(name)
    if not topic.publishers:
        yield bad(subject, f'nobody publishes {name}', 'is the name right (ros2 topic list), and is it running?')
        return
    usable = [kind for kind in topic.types if kind in kinds]
    if not usable:
        yield bad(subject, f'{name} carries {", ".join(topic.types)}, not {" or ".join(kinds)}', 'name another topic')
        return
    heard = inspector.listen(name, kinds[usable[0]], LISTENING)
    delivery, advice = explain(heard.delivery, transport(os.environ))
    if not heard.count:
        yield bad(subject, f'{name} is {delivery}, in {LISTENING:g} s', advice)
        return
    text = f'{name}: {usable[0].rpartition("/")[2]} at {heard.rate:.1f} Hz, frame {heard.frame_id!r}'
    if heard.rate < SLOW:
        yield note(subject, text, 'so slow a camera leaves the filter without support')
    else:
        yield good(subject, text)
    if advice:
        yield bad(subject, f'{name} is {delivery}', advice)
    else:
        yield good(subject, f'{name} is {delivery}')
    if heard.age is not None and abs(heard.age) > OLD:
        yield bad(subject, f'{name} is stamped {heard.age:.1f} s before it arrives',
                  'synchronise the clocks (chrony), or set use_sim_time where a bag or a simulator runs')
    if len(topic.types) > 1:
        yield bad(subject, f'{name} has publishers of different types: {", ".join(topic.types)}', 'stop one of them')
