"""The shaders. Fields of ``conditions.Look`` are uniforms of the same names; the comments say what each part means.

World space is the map (metres, z up). Colours are linear; textures are stored in sRGB and squared on reading, which
is close enough to their true curve and far cheaper on a CPU. The alpha of the picture tells the last pass how much
of a mirror a pixel is.
"""

VERSION = '#version 330\n'

HASH = '''
float hash(vec2 cell) {
  uvec2 q = uvec2(ivec2(floor(cell))) * uvec2(1597334677u, 3812015801u);
  uint n = (q.x ^ q.y) * 1597334677u;
  n ^= n >> 15u;
  return float((n * 2246822519u) >> 8u) / 16777216.0;
}
'''

SCENE_VERTEX = VERSION + '''
uniform mat4 camera, sunlight;
in vec3 position, normal, tint;
in vec2 uv, shape;
in vec4 material;
out vec3 world, facing, colour, in_shadow;
out vec2 at;
flat out vec4 made_of;
flat out vec2 form;
void main() {
  world = position; facing = normal; colour = tint; at = uv; made_of = material; form = shape;
  in_shadow = (sunlight * vec4(position, 1.0)).xyz * 0.5 + 0.5;
  gl_Position = camera * vec4(position, 1.0);
}
'''

SCENE_COMMON = VERSION + '''
uniform sampler2DArray textures;
uniform sampler2DShadow shadows;
uniform float mottle_layer, snow_layer, phase;
uniform vec3 eye, sun_direction, sun, ambient, bounce, zenith, horizon, haze, lamp;
uniform float haze_density, wet, snow, tracks, leaves, autumn, dry, night, lit_windows, headlights;
uniform vec3 lamp_at[LAMPS], headlight_at, headlight_to;
uniform int lamp_count;
in vec3 world, facing, colour, in_shadow;
in vec2 at;
flat in vec4 made_of;  // layer, kind, random, detail layer
flat in vec2 form;
layout(location = 0) out vec4 picture;
''' + HASH + '''
vec4 texel(vec2 where, float layer) {
  vec4 c = texture(textures, vec3(where, layer));
  return vec4(c.rgb * c.rgb, c.a);
}
vec4 mottle(vec2 metres) { return texture(textures, vec3(metres, mottle_layer)); }

// light that falls on a surface: sun through the shadow map, sky and ground, street lamps, own headlights
vec3 light(vec3 n) {
  vec3 sum = mix(bounce, ambient, 0.5 + 0.5 * n.z);
  sum += sun * max(dot(n, sun_direction), 0.0) * texture(shadows, in_shadow - vec3(0.0, 0.0, 0.0016));
  for (int i = 0; i < lamp_count; i++) {
    vec3 way = lamp_at[i] - world;
    float square = dot(way, way);
    float below = smoothstep(0.0, 0.6, way.z * inversesqrt(square));
    sum += lamp * night * below * (9.0 * max(dot(n, way * inversesqrt(square)), 0.0) + 1.0) / (6.0 + square);
  }
  if (headlights > 0.0) {
    vec3 way = world - headlight_at;
    float square = dot(way, way);
    vec3 along = way * inversesqrt(square);
    float cone = smoothstep(0.75, 0.98, dot(along, headlight_to));
    float caught = 0.85 * max(-dot(n, along), 0.0) + 0.12;
    sum += vec3(1.0, 0.97, 0.9) * headlights * cone * caught * 12.0 / (6.0 + 0.18 * square);
  }
  return sum;
}
vec3 sky(vec3 direction) { return mix(horizon, zenith, clamp(direction.z, 0.0, 1.0)); }
void finish(vec3 shade, float mirror) {
  float clear = exp(-haze_density * distance(world, eye));
  picture = vec4(mix(haze, shade, clear), mirror * clear);
}
'''

GROUND = '''
// road, pavement and grass: markings, puddles, wheel tracks, snow that lies in patches, fallen leaves
void main() {
  float kind = made_of.y;
  vec3 view = normalize(world - eye), n = normalize(facing);
  vec4 broad = mottle(world.xy / 23.0), fine = mottle(world.xy / 5.0);
  vec3 albedo = texel(world.xy / (kind == PAVING ? 3.0 : 2.5), made_of.x).rgb * colour;
  float across = abs(at.x), mirror = 0.0, lies = 0.45 + 0.55 * fine.r;
  if (kind == ROAD) {
    albedo *= 0.7 + 0.6 * broad.r;
    albedo *= mix(1.0, 0.55, smoothstep(0.62, 0.66, fine.b) * smoothstep(0.5, 0.55, broad.g));  // patches
    float soft = 0.02 + fwidth(at.x), worn = smoothstep(0.3, 0.6, fine.a + 0.2);
    float paint = smoothstep(0.07 + soft, 0.07, across) * step(0.5, fract(at.y / 7.0));
    paint = max(paint, smoothstep(0.06 + soft, 0.06, abs(across - 2.15)) * 0.6);
    if (form.x > 0.5) paint = smoothstep(0.25 - soft, 0.25 + soft, abs(fract(at.x) - 0.5));
    albedo = mix(albedo, vec3(0.75), paint * worn);
    float wheel = smoothstep(0.45, 0.15, abs(abs(across - 1.35) - 0.75));
    lies *= 1.0 - tracks * mix(0.35, 1.0, wheel) * step(across, 2.6);
  } else if (kind == GRASS) {
    albedo = mix(albedo, vec3(0.3, 0.26, 0.13) * (0.6 + 0.8 * fine.g), dry * (0.4 + 0.6 * broad.b));
    albedo *= 0.75 + 0.5 * broad.r;
    lies = lies * 0.7 + 0.35;
  }
  float litter = autumn * (kind == ROAD ? 0.3 : 0.8) * smoothstep(0.6, 0.72, fine.g) * smoothstep(0.35, 0.6, broad.a);
  albedo = mix(albedo, vec3(0.42, 0.2, 0.05) * (0.4 + fine.b), litter * step(0.2, 1.0 - snow));
  float puddle = smoothstep(0.52, 0.66, broad.g + 0.1 * fine.g);
  albedo *= mix(1.0, 0.55, wet);
  float cover = smoothstep(1.02 - snow, 1.22 - snow, lies + 0.25) * step(0.01, snow);
  albedo = mix(albedo, texel(world.xy / 4.0, snow_layer).rgb * (kind == ROAD ? 0.9 : 1.0), cover);
  if (kind != GRASS) {
    float glance = 1.0 - abs(dot(n, view));
    mirror = wet * (0.45 + 0.55 * puddle) * (0.08 + 1.0 * glance * glance * glance) * (1.0 - cover);
  }
  finish(albedo * light(n), mirror);
}
'''

FACADE = '''
// a painted wall: its alpha is 0 on glass, which mirrors the sky by day and is lit from inside by night
void main() {
  vec3 view = normalize(world - eye), n = normalize(facing);
  vec4 painted = texel(at, made_of.x);
  float glass = 1.0 - painted.a;
  vec2 along = vec2(dot(world.xy, vec2(-n.y, n.x)), world.z);
  vec3 detail = texture(textures, vec3(along / 1.6, made_of.w)).rgb * 2.0;
  float stain = mottle(along / 9.0 + made_of.z).b;
  vec3 albedo = painted.rgb * mix(vec3(1.0), detail * (0.8 + 0.4 * stain), painted.a);
  albedo *= mix(0.75, 1.0, smoothstep(0.0, 0.8, world.z)) * mix(1.0, 0.8, wet * painted.a);
  float facing_share = abs(dot(n, view));
  vec3 mirrored = sky(reflect(view, n)) * (0.1 + 0.6 * pow(1.0 - facing_share, 3.0)) * (1.0 - 0.8 * night);
  vec2 window = floor(at * form) + made_of.z;
  float on = step(hash(window + floor(phase * 977.0)), lit_windows) * smoothstep(0.0, 0.5, night);
  vec3 bulb = mix(vec3(1.0, 0.72, 0.4), vec3(0.8, 0.9, 1.0), step(0.8, hash(window + 31.0)));
  vec3 inside = bulb * on * (0.25 + 1.6 * painted.rgb) * (0.6 + 0.8 * hash(window + 57.0));
  finish(albedo * light(n) * 1.1 + glass * (mirrored + inside), 0.0);
}
'''

PLAIN = '''
// everything else: roofs, poles, cars, people, signs
void main() {
  float kind = made_of.y;
  vec3 view = normalize(world - eye), n = normalize(facing);
  vec3 albedo = texel(at, made_of.x).rgb * colour, glow = vec3(0.0);
  float up = smoothstep(0.35, 0.75, n.z);
  albedo = mix(albedo, texel(world.xy / 4.0, snow_layer).rgb, up * smoothstep(0.1, 0.6, snow));
  albedo *= mix(1.0, 0.75, wet * (kind == MATTE ? 1.0 : 0.0));
  if (kind == GLOSSY) {
    vec3 bounced = reflect(view, n);
    glow = sky(bounced) * (0.06 + 0.5 * pow(1.0 - abs(dot(n, view)), 3.0)) * (1.0 - up * step(0.3, snow));
    glow += sun * 0.5 * pow(max(dot(bounced, sun_direction), 0.0), 40.0);
  }
  if (kind == LAMP) glow = lamp * night * 9.0;
  if (kind == GLOW) glow = colour * night * 2.0;
  if (kind == SIGN) glow = albedo * night * 1.1 * step(hash(vec2(made_of.z * 911.0, phase * 977.0)), 0.55);
  finish(albedo * light(n) + glow, 0.0);
}
'''

LEAF = '''
// leaves: they fall, turn and carry snow; lit from both sides
void main() {
  float evergreen = form.x, seed = made_of.z;
  if (evergreen < 0.5 && seed > leaves) discard;
  vec4 card = texel(at, made_of.x);
  if (card.a < 0.4) discard;
  vec3 turned = mix(vec3(0.85, 0.5, 0.06), vec3(0.6, 0.16, 0.05), fract(seed * 7.3));
  vec3 albedo = card.rgb * mix(colour, turned, (1.0 - evergreen) * step(fract(seed * 13.7), autumn));
  vec3 view = normalize(world - eye), n = normalize(facing);
  n = normalize(n - 0.6 * view * max(dot(n, view), 0.0));
  albedo = mix(albedo, vec3(0.85), evergreen * snow * smoothstep(0.2, 0.9, n.z) * 0.8);
  finish(albedo * (light(n) + 0.12 * sun), 0.0);
}
'''

SHADOW_VERTEX = VERSION + '''
uniform mat4 sunlight;
in vec3 position;
in vec2 uv, shape;
in vec4 material;
out vec2 at;
flat out vec4 made_of;
flat out vec2 form;
void main() { at = uv; made_of = material; form = shape; gl_Position = sunlight * vec4(position, 1.0); }
'''
SHADOW = VERSION + 'void main() {}'
LEAF_SHADOW = VERSION + '''
uniform sampler2DArray textures;
uniform float leaves;
in vec2 at;
flat in vec4 made_of;
flat in vec2 form;
void main() {
  if (form.x < 0.5 && made_of.z > leaves) discard;
  if (texture(textures, vec3(at, made_of.x)).a < 0.4) discard;
}
'''

SCREEN_VERTEX = VERSION + '''
out vec2 at;
void main() {
  at = vec2((gl_VertexID << 1) & 2, gl_VertexID & 2);
  gl_Position = vec4(at * 2.0 - 1.0, DEPTH, 1.0);
}
'''

SKY = VERSION + '''
uniform mat4 from_screen;
uniform vec3 eye, sun_direction, sun, zenith, horizon, cloud;
uniform float cloud_cover, phase, mottle_layer;
uniform sampler2DArray textures;
in vec2 at;
layout(location = 0) out vec4 picture;
void main() {
  vec4 far = from_screen * vec4(at * 2.0 - 1.0, 1.0, 1.0);
  vec3 d = normalize(far.xyz / far.w - eye);
  vec3 shade = mix(horizon, zenith, pow(max(d.z, 0.0), 0.55));
  vec2 flat_sky = d.xy / (max(d.z, 0.0) + 0.15) * 0.25 + phase * 17.0;
  vec4 big = texture(textures, vec3(flat_sky, mottle_layer));
  vec4 small = texture(textures, vec3(flat_sky * 2.7, mottle_layer));
  float clouds = smoothstep(0.85 - cloud_cover, 1.1 - cloud_cover, 0.7 * big.r + 0.3 * small.b);
  shade = mix(shade, cloud * (0.7 + 0.6 * small.g), clouds * smoothstep(0.0, 0.15, d.z) * 0.9);
  float near_sun = max(dot(d, sun_direction), 0.0);
  shade += sun * (6.0 * pow(near_sun, 900.0) * (1.0 - clouds) + 0.15 * pow(near_sun, 12.0));
  picture = vec4(shade, 0.0);
}
'''

LENS = VERSION + '''
// from the scene to the sensor: reflections on wet ground, glow, rain, snow, exposure, noise
uniform sampler2D scene;
uniform float horizon_row, moment, finest;  // finest: the mip level of one pixel
uniform float falling_rain, falling_snow, drops, blur, bloom, night, noise, exposure, gamma, saturation, vignette;
uniform vec3 balance;
in vec2 at;
out vec4 picture;
''' + HASH + '''
float streak(vec2 where, float salt) {
  vec2 cell = floor(where), inside = fract(where);
  float width = smoothstep(0.16, 0.0, abs(inside.x - 0.5));
  return step(0.6, hash(cell + salt)) * width * smoothstep(0.0, 0.3, inside.y) * smoothstep(1.0, 0.5, inside.y);
}
void main() {
  vec2 from = at;
  float level = finest + blur;
  if (drops > 0.0) {  // a drop on the lens shows the scene smaller and soft
    vec2 grid = at * vec2(11.0, 8.0), cell = floor(grid);
    float salt = floor(moment * 0.13);
    vec2 off = fract(grid) - 0.5 - 0.5 * (vec2(hash(cell + salt), hash(cell + salt + 71.0)) - 0.5);
    if (hash(cell + salt + 13.0) < drops && length(off) < 0.08 + 0.2 * hash(cell + 29.0)) {
      from -= off * 0.12;
      level = finest + 2.2;
    }
  }
  vec4 seen = textureLod(scene, from, level);
  if (seen.a > 0.01) {
    vec2 ripple = vec2(hash(at * vec2(70.0, 160.0)), hash(at * vec2(90.0, 140.0) + 7.0)) - 0.5;
    vec2 mirrored = vec2(from.x, 2.0 * horizon_row - from.y) + ripple * vec2(0.012, 0.03);
    seen.rgb = mix(seen.rgb, textureLod(scene, clamp(mirrored, 0.01, 0.99), finest + 1.3).rgb, min(seen.a, 0.85));
  }
  vec3 c = seen.rgb;
  vec3 glow = (textureLod(scene, from, finest + 3.0) + textureLod(scene, from, finest + 4.0) +
               textureLod(scene, from, finest + 5.0)).rgb / 3.0;
  c += bloom * max(glow - mix(1.0, 0.12, night), 0.0);
  if (falling_rain > 0.0)
    for (int k = 0; k < 3; k++) {
      float fine = 26.0 + 22.0 * float(k);
      vec2 where = vec2(at.x * fine + at.y * 2.0, at.y * (2.2 + float(k)) + moment * 7.3 * float(k + 1));
      c += vec3(0.15, 0.16, 0.18) * (0.3 + 0.5 * length(c)) * falling_rain * streak(where, float(k) * 17.0);
    }
  if (falling_snow > 0.0)
    for (int k = 0; k < 3; k++) {
      float fine = 10.0 + 10.0 * float(k);
      vec2 grid = at * vec2(1.33, 1.0) * fine + moment * 3.7 * float(k + 1), cell = floor(grid);
      vec2 off = fract(grid) - 0.2 - 0.6 * vec2(hash(cell), hash(cell + 37.0));
      float size = 0.05 + 0.08 * hash(cell + 11.0);
      if (hash(cell + 23.0) < falling_snow) c = mix(c, vec3(0.9), 0.85 * smoothstep(size, 0.4 * size, length(off)));
    }
  c = 1.0 - exp(-2.5 * exposure * balance * c);
  c = mix(vec3(dot(c, vec3(0.3, 0.6, 0.1))), c, saturation);
  c = pow(clamp(c, 0.0, 1.0), vec3(1.0 / gamma));
  vec2 middle = at - 0.5;
  c *= 1.0 - vignette * dot(middle, middle);
  vec2 pixel = gl_FragCoord.xy + moment * 61.0;
  c += noise * 1.7 * (vec3(hash(pixel), hash(pixel + 1013.0), hash(pixel + 2027.0)) + hash(pixel + 4099.0) - 1.0);
  picture = vec4(c, 1.0);
}
'''
