"""The page of :mod:`dejavu_ros.matching.explorer`: a click asks the server, whose answer is drawn."""

PAGE = '''<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Where is it in the other picture?</title>
<style>
body{font:15px/1.5 system-ui,sans-serif;margin:1rem;color:#222}
main{display:grid;grid-template-columns:1fr 1fr;gap:1rem;align-items:start}
figure{position:relative;margin:0}
img{display:block;width:100%}
#first{cursor:crosshair}
#heat{position:absolute;inset:0;height:100%;opacity:.6;pointer-events:none}
.mark{position:absolute;width:18px;height:18px;margin:-11px 0 0 -11px;border:2px solid #0ff;border-radius:50%;
box-shadow:0 0 0 1px #000;pointer-events:none}
[hidden]{display:none}
</style>
<p id="said" role="status">Click in the first picture.</p>
<main>
<figure><img id="first" src="first.jpg" alt="first picture"><span class="mark" id="asked" hidden></span></figure>
<figure><img id="second" src="second.jpg" alt="second picture"><img id="heat" alt="" hidden>
<span class="mark" id="found" hidden></span></figure>
</main>
<label><input type="checkbox" id="warm" checked> heat map</label>
<script>
const by = name => document.getElementById(name)
let latest = 0
function put(mark, image, x, y) {
  mark.style.left = (x + 0.5) / image.naturalWidth * 100 + '%'
  mark.style.top = (y + 0.5) / image.naturalHeight * 100 + '%'
  mark.hidden = false
}
by('first').onclick = async event => {
  const image = by('first'), box = image.getBoundingClientRect(), turn = ++latest
  const x = (event.clientX - box.left) / box.width * image.naturalWidth - 0.5
  const y = (event.clientY - box.top) / box.height * image.naturalHeight - 0.5
  put(by('asked'), image, x, y)
  let answer
  try {
    const response = await fetch(`match?x=${x}&y=${y}`)
    if (!response.ok) throw new Error(await response.text())
    answer = await response.json()
  } catch (error) {
    by('said').textContent = `No answer: ${error.message}`
    return
  }
  if (turn !== latest) return
  put(by('found'), by('second'), answer.x, answer.y)
  by('heat').src = answer.heat
  by('heat').hidden = !by('warm').checked
  const point = (x, y) => `(${x.toFixed(0)}, ${y.toFixed(0)})`
  by('said').textContent = `${point(x, y)} is at ${point(answer.x, answer.y)}, cosine ${answer.cosine.toFixed(3)}`
}
by('warm').onchange = () => { by('heat').hidden = !by('warm').checked || !by('heat').src }
</script>
</html>
'''
