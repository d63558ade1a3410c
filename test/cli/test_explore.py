"""``dejavu explore``: asked by HTTP, and clicked in a real browser where there is one."""

import contextlib
import json
import os
import shutil
import subprocess
import threading
import urllib.error
import urllib.request

import cv2
import numpy as np
import pytest
import torch

from dejavu_ros.cli import main
from dejavu_ros.errors import ConfigError
from dejavu_ros.images import decode_image, encode_jpeg
from dejavu_ros.matching.explorer import HOST, Explorer, make_server
from dejavu_ros.nn.caps import CapsNet, save_caps
from dejavu_ros.nn.dejavu import DejavuNet

SHIFT = 40  # px that the second picture shows further right
BROWSER = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome', 'chrome'))), None)


@pytest.fixture(scope='module')
def pictures():
    boxes = np.random.default_rng(0).integers(0, 256, (12, 26, 3), np.uint8)
    wall = cv2.GaussianBlur(np.kron(boxes, np.ones((10, 10, 1), np.uint8)), None, 1)
    return wall[:, :200], wall[:, SHIFT:SHIFT + 200]


def colours(picture):
    """Stand-in for a network: every fourth pixel's patch of colours, of unit length, (27, 30, 50)."""
    small = cv2.resize(picture, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA).astype(np.float32) - 128
    padded = np.pad(small, ((1, 1), (1, 1), (0, 0)))
    height, width = small.shape[:2]
    patches = np.concatenate([padded[y:y + height, x:x + width] for y in range(3) for x in range(3)], 2)
    return np.moveaxis(patches / np.linalg.norm(patches, axis=2, keepdims=True), 2, 0)


@contextlib.contextmanager
def served(explorer):
    with make_server(explorer, 0) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f'http://{HOST}:{server.server_port}'
        finally:
            server.shutdown()
            thread.join()


def get(address):
    with urllib.request.urlopen(address) as response:
        return response.read()


def test_a_point_is_found_and_the_heat_is_hottest_there(pictures):
    with served(Explorer(colours, *pictures)) as address:
        assert b'Click in the first picture' in get(f'{address}/')
        assert decode_image(get(f'{address}/second.jpg')).shape == (120, 200, 3)
        answer = json.loads(get(f'{address}/match?x=101.5&y=61.5'))
    assert abs(answer['x'] - (101.5 - SHIFT)) <= 4 and abs(answer['y'] - 61.5) <= 4 and 0.9 < answer['cosine'] <= 1.001
    heat = decode_image(urllib.request.urlopen(answer['heat']).read()).sum(2)
    assert heat.shape == (120, 200)
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    assert abs(column - answer['x']) <= 4 and abs(row - answer['y']) <= 4


@pytest.mark.parametrize('path, status', [('/match', 400), ('/match?x=1', 400), ('/match?x=a&y=2', 400),
                                          ('/match?x=nan&y=2', 400), ('/match?x=900&y=2', 400), ('/etc/passwd', 404)])
def test_what_is_no_point_is_refused(pictures, path, status):
    with served(Explorer(colours, *pictures)) as address, pytest.raises(urllib.error.HTTPError) as error:
        get(f'{address}{path}')
    assert error.value.code == status


def test_a_port_that_is_taken(pictures):
    explorer = Explorer(colours, *pictures)
    with make_server(explorer, 0) as server, pytest.raises(ConfigError, match='choose another --port'):
        make_server(explorer, server.server_port)


@pytest.mark.parametrize('features', ['dvf', 'caps'])
def test_the_command_serves_what_was_asked_for(pictures, tmp_path, monkeypatch, capsys, quick, features):
    torch.manual_seed(0)
    save_caps(tmp_path / 'caps.pt', CapsNet(DejavuNet(), 8), {})
    for name, picture in zip('ab', pictures):
        (tmp_path / f'{name}.jpg').write_bytes(encode_jpeg(picture))
    found = []
    monkeypatch.setattr('http.server.ThreadingHTTPServer.serve_forever', lambda server: found.append(server))
    weights = ['--caps', str(tmp_path / 'caps.pt')] if features == 'caps' else ['--checkpoint', 'random']
    images = [str(tmp_path / name) for name in ('a.jpg', 'b.jpg')]
    assert main(['explore', *images, '--features', features, *weights, '--port', '0', '--input-side', '96']) == 0
    assert f'http://{HOST}:{found[0].server_port}/' in capsys.readouterr().out


class Browser:
    """A headless Chromium with one page, spoken to over its pipe (DevTools protocol)."""

    def __init__(self, profile):
        (reads, self.write), (self.read, writes) = os.pipe(), os.pipe()
        command = [BROWSER, '--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run',
                   '--remote-debugging-pipe', f'--user-data-dir={profile}', 'about:blank']
        self.process = subprocess.Popen(['bash', '-c', f'exec "$@" 3<&{reads} 4>&{writes}', 'bash', *command],
                                        pass_fds=(reads, writes), stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        os.close(reads)
        os.close(writes)
        self.number, self.rest, self.session = 0, b'', {}
        target = self.ask('Target.createTarget', url='about:blank')['targetId']
        self.session = {'sessionId': self.ask('Target.attachToTarget', targetId=target, flatten=True)['sessionId']}

    def ask(self, method, **parameters):
        self.number += 1
        message = {'id': self.number, 'method': method, 'params': parameters, **self.session}
        os.write(self.write, json.dumps(message).encode() + b'\0')
        while True:
            while b'\0' not in self.rest:
                part = os.read(self.read, 65536)
                assert part, 'the browser has ended'
                self.rest += part
            line, self.rest = self.rest.split(b'\0', 1)
            answer = json.loads(line)
            if answer.get('id') == self.number:
                assert 'error' not in answer, answer
                return answer['result']

    def run(self, script):
        """The value of a script, awaited."""
        result = self.ask('Runtime.evaluate', expression=script, awaitPromise=True, returnByValue=True)
        assert 'exceptionDetails' not in result, result
        return result['result'].get('value')

    def until(self, condition):
        self.run('new Promise((done, failed) => { let left = 600; const look = () => '
                 f'({condition}) ? done() : left-- ? setTimeout(look, 50) : failed("never"); look() }})')

    def click(self, x, y):
        for kind in ('mousePressed', 'mouseReleased'):
            self.ask('Input.dispatchMouseEvent', type=kind, x=x, y=y, button='left', clickCount=1)

    def close(self):
        os.close(self.write)
        self.process.kill()
        self.process.wait()
        os.close(self.read)


@pytest.mark.skipif(BROWSER is None, reason='no Chromium here: apt install chromium')
def test_a_click_in_a_real_browser(pictures, tmp_path):
    with served(Explorer(colours, *pictures)) as address, contextlib.closing(Browser(tmp_path)) as browser:
        browser.ask('Page.navigate', url=f'{address}/')
        browser.until('document.readyState == "complete" && document.getElementById("second")?.naturalWidth == 200')
        assert browser.run('document.getElementById("found").hidden && document.getElementById("heat").hidden')
        box = browser.run('(({x, y, width, height}) => [x, y, width, height])'
                          '(document.getElementById("first").getBoundingClientRect())')
        scale = box[2] / 200
        browser.click(box[0] + 102 * scale, box[1] + 62 * scale)
        browser.until('document.getElementById("heat").naturalWidth == 200')
        assert not browser.run('document.getElementById("found").hidden || document.getElementById("heat").hidden')
        left, top = browser.run('["left", "top"].map(side => parseFloat(document.getElementById("found").style[side]))')
        assert abs(left / 100 * 200 - (102 - SHIFT)) <= 4.5 and abs(top / 100 * 120 - 62) <= 4.5
        assert 'cosine' in browser.run('document.getElementById("said").textContent')
        assert browser.run('document.getElementById("warm").click(), document.getElementById("heat").hidden')
