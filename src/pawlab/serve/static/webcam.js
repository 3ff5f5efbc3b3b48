// The webcam of this machine, in a dialog that asks first: only pictures that are taken leave the page, nothing is recorded.

const QUALITY = 0.92;
const REFUSED = {
  NotAllowedError: "The browser may not use the webcam. Allow it for this page, in the address bar, and start again.",
  NotFoundError: "There is no webcam.",
  NotReadableError: "Another program uses the webcam. Close it, and start again.",
};
const NOT_SECURE = "Browsers give the webcam only to pages on this machine (localhost) or over https.";

/** Make the dialog's parts work. `page`: the page's elements by id; `take`: what is done with each picture, a File. */
export function offerWebcam(page, take) {
  const { "webcam-dialog": dialog, "webcam-view": view, "webcam-start": start, "webcam-take": shutter } = page;
  const say = (text) => (page["webcam-news"].textContent = text);
  let taken = 0;

  function showRunning(running) {
    view.hidden = shutter.hidden = !running;
    start.hidden = running || !navigator.mediaDevices;
  }

  function stop() {
    for (const track of view.srcObject?.getTracks() ?? []) track.stop();
    view.srcObject = null;
    showRunning(false);
  }

  async function begin() {
    start.disabled = true;
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 } }, audio: false });
      view.srcObject = stream;
      if (!dialog.open) return stop(); // it was closed while the browser asked
      await view.play();
      say("");
      showRunning(true);
      shutter.focus();
    } catch (error) {
      stop();
      say(REFUSED[error.name] ?? `The webcam can't be used: ${error.message}`);
    } finally {
      start.disabled = false;
    }
  }

  async function shoot() {
    const canvas = Object.assign(document.createElement("canvas"), { width: view.videoWidth, height: view.videoHeight });
    canvas.getContext("2d").drawImage(view, 0, 0);
    const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
    const name = `webcam-${++taken}.jpg`;
    take(new File([blob], name, { type: "image/jpeg" }));
    say(`Taken: ${name}. Its prediction is on the page.`);
  }

  page.webcam.addEventListener("click", () => {
    say(navigator.mediaDevices ? "" : NOT_SECURE);
    showRunning(false);
    dialog.showModal();
  });
  start.addEventListener("click", begin);
  shutter.addEventListener("click", shoot);
  page["webcam-close"].addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", stop);
}
