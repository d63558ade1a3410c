"""``dejavu similarity``."""

HELP = 'table of how much each image looks like each other one'


def configure(parser) -> None:
    parser.add_argument('images', nargs='+', metavar='IMAGE', help='image files')
    parser.add_argument('--checkpoint', default='', help='file of weights; without it the shipped one, '
                                                         'random are untrained weights')
    parser.add_argument('--json', metavar='FILE', help='also write "images" and "similarity" (row by row)')


def run(arguments) -> int:
    import json
    from pathlib import Path

    from tabulate import tabulate

    from dejavu_ros.evaluation.features import Method
    from dejavu_ros.evaluation.settings import EvaluationSettings
    from dejavu_ros.files import new_file

    method = Method(EvaluationSettings(checkpoint=arguments.checkpoint))
    similarity = method.all_pairs(method.descriptors(arguments.images))
    numbers = range(1, len(arguments.images) + 1)
    table = [[number, Path(image).name, *(f'{value:.4f}' for value in row)]
             for number, image, row in zip(numbers, arguments.images, similarity)]
    print(tabulate(table, headers=['', 'image', *numbers], disable_numparse=True, stralign='right'))
    if arguments.json:
        with new_file(arguments.json, 'w') as file:
            json.dump({'images': arguments.images, 'similarity': similarity.tolist()}, file, indent=1)
            file.write('\n')
    return 0
