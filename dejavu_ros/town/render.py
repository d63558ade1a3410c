"""Pictures and depth of the town, headless through EGL, on a CPU (llvmpipe) or a GPU."""

import dataclasses

import numpy as np

from dejavu_ros.errors import RenderError
from dejavu_ros.geometry import Pose
from dejavu_ros.town import shaders
from dejavu_ros.town.camera import intrinsics
from dejavu_ros.town.conditions import Look
from dejavu_ros.town.geometry import Batch, look_from, projection, sun_view
from dejavu_ros.town.mesh import Kind, Surface
from dejavu_ros.town.scene import Town
from dejavu_ros.town.textures import SIZE
from dejavu_ros.town.traversal import Traversal

NEAR, FAR = 0.15, 420.0  # metres
SHADOW_SIZE = 4096
OVERSAMPLING = 2  # the scene is drawn at this multiple and averaged by the lens, so that edges are smooth
LAMPS = 8  # street lamps that light one picture
LEAF_DISTANCE = 160.0  # metres; beyond, haze and pixels swallow leaves
FRAGMENTS = {Surface.GROUND: shaders.GROUND, Surface.FACADE: shaders.FACADE, Surface.PLAIN: shaders.PLAIN,
             Surface.LEAF: shaders.LEAF}
HELP_EGL = 'install it, on Debian or Ubuntu by: apt install libegl1 libgl1 libgl1-mesa-dri'


def make_context():
    """A headless OpenGL context. Raises RenderError with the remedy where there is no EGL."""
    try:
        import moderngl
    except ImportError:
        raise RenderError('the town needs moderngl, which is not installed: pip install moderngl') from None
    try:
        return moderngl.create_context(standalone=True, backend='egl', libgl='libGL.so.1', libegl='libEGL.so.1')
    except Exception as error:  # moderngl and glcontext raise bare Exception
        raise RenderError(f'no headless OpenGL by EGL here ({error}): {HELP_EGL}') from None


class Renderer:
    """Takes pictures of one town. One renderer a process: two contexts in one process silently draw wrong.

    ``intrinsics`` is the pinhole matrix (3, 3). Raises RenderError without EGL, or while another renderer lives;
    ``close`` it (or use it in a ``with``) to make another.
    """

    _alive: 'Renderer | None' = None

    def __init__(self, town: Town, width: int, height: int, hfov_deg: float = 80.0):
        if Renderer._alive is not None:
            raise RenderError('this process has a renderer already and a second would draw wrong: '
                              'close the first, or start another process')
        self.town, self.width, self.height = town, width, height
        self.intrinsics = intrinsics(width, height, hfov_deg)
        self._projection = projection(self.intrinsics, width, height, NEAR, FAR)
        self._context = make_context()
        Renderer._alive = self
        self._make_programs()
        self._make_targets()
        stack = town.textures.stack()
        self._textures = self._context.texture_array((SIZE, SIZE, len(stack)), 4, stack.tobytes())
        self._textures.build_mipmaps()
        self._static = self._upload(town.quads)
        self._traversal: Traversal | None = None
        self._moving: dict[Surface, Batch] = {}

    def __enter__(self) -> 'Renderer':
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Free the OpenGL context."""
        if Renderer._alive is self:
            Renderer._alive = None
            self._context.release()

    def render(self, traversal: Traversal, map_T_base: Pose, base_T_camera: Pose,
               frame_index: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """A picture (H, W, 3) uint8 RGB and its depth (H, W) float32 in metres along z, inf at the sky.

        ``base_T_camera`` is an optical frame (z ahead). ``frame_index`` moves rain, snow and noise on.
        Raises RenderError for a traversal of another town.
        """
        if traversal is not self._traversal:
            if traversal.town.seed != self.town.seed:
                raise RenderError(
                    f'a traversal of town {traversal.town.seed} cannot be rendered in town {self.town.seed}')
            self._enter(traversal)
        map_T_camera = map_T_base @ base_T_camera
        view = self._projection @ look_from(map_T_camera)
        self._draw_scene(view, map_T_camera, map_T_base)
        self._draw_lens(view, map_T_camera, (frame_index * 7919 + int(traversal.phase * 104729)) % 4096 / 7.0)
        return self._read()

    def _make_programs(self) -> None:
        context = self._context
        kinds = ''.join(f'#define {kind.name} {float(kind)}\n' for kind in Kind)
        common = shaders.SCENE_COMMON.replace('LAMPS', str(LAMPS)).replace(
            shaders.VERSION, shaders.VERSION + kinds, 1)
        self._programs = {surface: context.program(shaders.SCENE_VERTEX, common + fragment)
                          for surface, fragment in FRAGMENTS.items()}
        self._sky = context.program(shaders.SCREEN_VERTEX.replace('DEPTH', '0.999999'), shaders.SKY)
        self._lens = context.program(shaders.SCREEN_VERTEX.replace('DEPTH', '0.0'), shaders.LENS)
        # only leaves need a fragment shader that discards, which would cost all others their early depth test
        self._shadow_programs = {surface: context.program(
            shaders.SHADOW_VERTEX, shaders.LEAF_SHADOW if surface == Surface.LEAF else shaders.SHADOW)
            for surface in Surface}
        self._sky_screen = context.vertex_array(self._sky, [])
        self._lens_screen = context.vertex_array(self._lens, [])

    def _make_targets(self) -> None:
        context, size = self._context, (OVERSAMPLING * self.width, OVERSAMPLING * self.height)
        self._shadow_map = context.depth_texture((SHADOW_SIZE, SHADOW_SIZE))
        self._shadow_map.compare_func = '<='
        self._shadow_map.repeat_x = self._shadow_map.repeat_y = False
        self._shadow_target = context.framebuffer(depth_attachment=self._shadow_map)
        self._scene = context.texture(size, 4, dtype='f2')
        self._scene.repeat_x = self._scene.repeat_y = False
        self._scene.filter = (context.LINEAR_MIPMAP_LINEAR, context.LINEAR)
        self._depth = context.depth_texture(size)
        self._depth.compare_func = ''  # or it cannot be read back
        self._scene_target = context.framebuffer([self._scene], self._depth)
        self._picture_target = context.framebuffer([context.texture((self.width, self.height), 4)])

    def _upload(self, quads: dict[Surface, np.ndarray]) -> dict[Surface, Batch]:
        return {surface: Batch(self._context, array, self._programs[surface], self._shadow_programs[surface])
                for surface, array in quads.items() if len(array)}

    def _enter(self, traversal: Traversal) -> None:
        """Take over the look and the traffic of a traversal, and draw its shadows once for the whole town."""
        for batch in self._moving.values():
            batch.release()
        self._moving = self._upload(traversal.quads)
        self._traversal = traversal
        look = {field.name: getattr(traversal.look, field.name) for field in dataclasses.fields(Look)}
        self._sunlight = sun_view(traversal.look.sun_direction, self.town.radius)
        programs = [*self._programs.values(), *self._shadow_programs.values(), self._sky, self._lens]
        for program in programs:
            _set(program, **look, sun_direction=traversal.look.sun_direction, sunlight=self._sunlight, textures=0,
                 shadows=1, scene=0, phase=traversal.phase, mottle_layer=self.town.textures['mottle'],
                 snow_layer=self.town.textures['snow'])
        self._draw_shadows()

    def _draw_shadows(self) -> None:
        self._context.enable(self._context.DEPTH_TEST)
        self._shadow_target.use()
        self._shadow_target.clear(depth=1.0)
        if max(self._traversal.look.sun) > 0:
            self._textures.use(0)
            for batches in (self._static, self._moving):
                for batch in batches.values():
                    batch.draw_all()

    def _draw_scene(self, view: np.ndarray, map_T_camera: Pose, map_T_base: Pose) -> None:
        context, eye = self._context, map_T_camera.position
        ahead = map_T_camera.rotation.apply([0.0, 0.0, 1.0])
        lamps = self._lamps_near(eye + 10.0 * ahead)
        for program in self._programs.values():
            _set(program, camera=view, eye=eye, lamp_at=lamps,
                 lamp_count=LAMPS if self._traversal.look.night > 0 else 0,
                 headlight_at=map_T_base.position + map_T_base.rotation.apply([1.5, 0.0, 0.7]),
                 headlight_to=map_T_base.rotation.apply([0.995, 0.0, -0.03]))
        self._textures.use(0)
        self._shadow_map.use(1)
        context.enable(context.DEPTH_TEST)
        self._scene_target.use()
        self._scene_target.clear(*self._traversal.look.haze, 0.0, depth=1.0)
        reach = min(FAR, 5.0 / self._traversal.look.haze_density)
        for surface in (Surface.FACADE, Surface.PLAIN, Surface.GROUND, Surface.LEAF):
            for batches in (self._moving, self._static):
                if surface in batches:
                    batches[surface].draw(view, eye, min(reach, LEAF_DISTANCE) if surface == Surface.LEAF else reach)
        _set(self._sky, from_screen=np.linalg.inv(view), eye=eye)
        self._sky_screen.render(vertices=3)

    def _draw_lens(self, view: np.ndarray, map_T_camera: Pose, moment: float) -> None:
        self._scene.build_mipmaps()
        ahead = map_T_camera.rotation.apply([0.0, 0.0, 1.0])
        horizon = view @ (*(map_T_camera.position + 1e4 * ahead * (1, 1, 0)), 1.0)
        self._picture_target.use()
        self._context.disable(self._context.DEPTH_TEST)
        self._scene.use(0)
        _set(self._lens, moment=moment, finest=np.log2(OVERSAMPLING), horizon_row=horizon[1] / horizon[3] * 0.5 + 0.5)
        self._lens_screen.render(vertices=3)

    def _read(self) -> tuple[np.ndarray, np.ndarray]:
        picture = np.frombuffer(self._picture_target.read(components=3), np.uint8).reshape(self.height, self.width, 3)
        fine = np.frombuffer(self._depth.read(), np.float32)
        return np.ascontiguousarray(picture[::-1]), metric_depth(fine.reshape(self._depth.height, -1)[::-1])

    def _lamps_near(self, point: np.ndarray) -> np.ndarray:
        order = np.argsort(np.linalg.norm(self.town.lamps[:, :2] - point[:2], axis=1))
        return self.town.lamps[order[:LAMPS]]


def metric_depth(buffer: np.ndarray) -> np.ndarray:
    """(H, W) metres along z, inf where nothing was drawn, from a buffer in [0, 1] that is OVERSAMPLING times as fine.

    A depth buffer is linear in the image, so its mean is the depth of a plane at the middle of a pixel; at an edge the
    nearest sample counts.
    """
    samples = [buffer[i::OVERSAMPLING, j::OVERSAMPLING] for i in range(OVERSAMPLING) for j in range(OVERSAMPLING)]
    nearest, mean = _metres(np.minimum.reduce(samples)), _metres(sum(samples) / len(samples))
    return np.where(_metres(np.maximum.reduce(samples)) < 1.1 * nearest, mean, nearest).astype(np.float32)


def _metres(buffer: np.ndarray) -> np.ndarray:
    metres = 2 * NEAR * FAR / (FAR + NEAR - (2 * buffer.astype(np.float64) - 1) * (FAR - NEAR))
    return np.where(buffer < 0.99999, metres, np.inf)


def _set(program, **uniforms) -> None:
    """Set those uniforms that the program uses."""
    for name, value in uniforms.items():
        if name not in program:
            continue
        if isinstance(value, np.ndarray) and value.ndim == 2:
            matrix = value.T if value.shape == (4, 4) else value  # OpenGL wants columns first
            program[name].write(np.ascontiguousarray(matrix, np.float32).tobytes())
        else:
            program[name].value = tuple(float(v) for v in value) if np.ndim(value) else value
