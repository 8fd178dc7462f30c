// Films take after take: countdown, recording, upload, and again, until it is
// stopped; or one take, if `props.once`. Space starts and stops, D discards the
// take that is shown. Python has each take by `server.take`.
const find = (name) => element.querySelector("." + name);
const [video, count, state, go, last] = [
  "camera", "count", "state", "go", "last",
].map(find);
const wait = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));
const field = (id) =>
  document.querySelector(`#${id} input, #${id} textarea`)?.value.trim() ?? "";
let running = false;
let stream = null;
let shown = null; // the clip of the take that is shown

function say(text, isError = false) {
  state.textContent = text;
  state.classList.toggle("error", isError);
}

async function openCamera() {
  if (stream?.active) return;
  const size = { width: { ideal: 640 }, height: { ideal: 480 } };
  stream = await navigator.mediaDevices.getUserMedia({ video: size });
  video.srcObject = stream;
  await video.play();
}

async function countDown() {
  for (const number of [3, 2, 1]) {
    if (!running) return;
    count.textContent = number;
    await wait(0.7);
  }
  count.textContent = "";
}

function record(seconds) {
  const types = ["video/webm;codecs=vp8", "video/webm", "video/mp4"];
  const type = types.find((one) => MediaRecorder.isTypeSupported(one));
  const recorder = new MediaRecorder(stream, { mimeType: type });
  const parts = [];
  recorder.ondataavailable = (event) => parts.push(event.data);
  element.classList.add("recording");
  recorder.start();
  return new Promise((done) => {
    recorder.onstop = () => {
      element.classList.remove("recording");
      const ending = recorder.mimeType.includes("mp4") ? "mp4" : "webm";
      done(new File(parts, `take.${ending}`, { type: recorder.mimeType }));
    };
    setTimeout(() => recorder.stop(), seconds * 1000);
  });
}

async function keep(file) {
  const { path } = await upload(file);
  if (!props.once) {
    const answer = await server.take({
      path, sign: field("sign"), signer: field("signer"),
    });
    if (answer.error) throw new Error(answer.error);
    shown = answer.clip;
    last.querySelector("img").src = answer.picture;
    last.querySelector("p").textContent = answer.text;
    last.hidden = false;
  }
  trigger("change", { path });
}

async function film() {
  if (!props.once && !(field("sign") && field("signer"))) {
    say("Say first which sign it is, and who signs.", true);
    return;
  }
  running = true;
  go.textContent = "Stop filming (space)";
  try {
    await openCamera();
    while (running) {
      say(props.once ? "Get ready" : `Get ready: ${field("sign")}`);
      await countDown();
      if (!running) break;
      say("Sign now");
      const file = await record(Number(find("seconds").value) || 2.5);
      say("Saving …");
      await keep(file);
      if (props.once) break;
      say("Kept. D discards it; the next take follows.");
      for (let step = 0; step < 10 && running; step++) await wait(0.1);
    }
    say(props.once ? "Taken; the answer comes on the right." : "Stopped.");
  } catch (error) {
    const denied = error.name === "NotAllowedError";
    say(denied ? "The browser was not allowed to use the camera." : error.message, true);
  }
  running = false;
  count.textContent = "";
  go.textContent = "Start filming (space)";
}

async function discard() {
  if (!shown) return;
  const clip = shown;
  shown = null;
  const answer = await server.discard({ clip });
  last.hidden = !answer.error;
  say(answer.error ?? `Discarded: ${clip}`, Boolean(answer.error));
  trigger("change");
}

go.addEventListener("click", () => (running ? (running = false) : film()));
find("discard").addEventListener("click", discard);
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, [contenteditable]");
  if (typing || element.offsetParent === null) return;
  if (event.code === "Space") {
    event.preventDefault();
    go.click();
  } else if (event.code === "KeyD") {
    discard();
  }
});
