// One viewing in one page: a player, a stream, and what the viewer saw of it.

const video = document.getElementById("video");

/** Longest pause that is no stall, in milliseconds. */
const STALL = 100;

/** What is seen: frames as they are shown, pauses after the first one, errors. */
class Witness {
  constructor() {
    this.runs = [];
    this.stalls = [];
    this.errors = [];
    this.frames = 0;
    this.largestStep = 0;
    this.waitingSince = null;
    this.texts = [];
    this.cues = new Map();
    for (const moves of ["playing", "timeupdate"]) video.addEventListener(moves, () => this.read());
    video.addEventListener("waiting", () => this.pause());
    for (const moves of ["playing", "timeupdate", "ended"]) video.addEventListener(moves, () => this.go());
    this.watch();
  }

  watch() {
    video.requestVideoFrameCallback((now, frame) => {
      this.began ??= now;
      const step = frame.mediaTime - (this.last ?? frame.mediaTime);
      this.largestStep = Math.max(this.largestStep, step);
      this.last = frame.mediaTime;
      this.frames += 1;
      if (this.runs.at(-1)?.height !== frame.height) this.runs.push({ height: frame.height, from: frame.mediaTime });
      this.watch();
    });
  }

  /** Notes the cues that are on the screen. */
  read() {
    for (const track of video.textTracks) {
      if (track.mode === "disabled") continue;
      for (const { startTime, endTime, text } of track.activeCues ?? []) {
        this.cues.set(`${startTime} ${text}`, { start: startTime, end: endTime, text });
      }
    }
  }

  pause() {
    if (this.began !== undefined) this.waitingSince ??= { now: performance.now(), at: video.currentTime };
  }

  go() {
    const since = this.waitingSince;
    if (since === null || (video.currentTime <= since.at && !video.ended)) return;
    const milliseconds = Math.round(performance.now() - since.now);
    if (milliseconds > STALL) this.stalls.push({ at: since.at, milliseconds });
    this.waitingSince = null;
  }

  /** Resolves at the end, at a fatal error, or after `patience` seconds. */
  async outcome(patience) {
    await Promise.race([
      new Promise((done) => video.addEventListener("ended", done)),
      new Promise((done) => (this.fatal = done)),
      new Promise((done) => setTimeout(done, patience * 1000)),
    ]);
    const quality = video.getVideoPlaybackQuality();
    const { runs, stalls, errors, frames, largestStep } = this;
    const seconds = (performance.now() - (this.began ?? performance.now())) / 1000;
    return {
      ended: video.ended, at: video.currentTime, duration: video.duration, seconds, runs, stalls, errors, frames,
      texts: this.texts, cues: [...this.cues.values()], largestStep, dropped: quality.droppedVideoFrames, waiting: this.waitingSince !== null,
    };
  }

  error(text, fatal) {
    this.errors.push(fatal ? `fatal ${text}` : text);
    if (fatal) this.fatal?.();
  }
}

/** Plays HLS in hls.js. Segment n comes from the rung of height `path[n]`; the last one stays. */
function withHls({ url, path, start, text }, witness) {
  // Less than a segment is loaded ahead: the next one is chosen before it is loaded.
  const options = { maxBufferLength: 3, maxMaxBufferLength: 3 };
  if (start !== undefined) options.startPosition = start;
  const hls = new Hls(options);
  const choose = (number) => {
    const height = path?.[Math.min(number, path.length - 1)];
    const level = hls.levels.findIndex((l) => l.height === height);
    if (level >= 0) hls.loadLevel = level;
    return level;
  };
  hls.on(Hls.Events.MANIFEST_PARSED, () => {
    const level = choose(0);
    if (level >= 0) hls.startLevel = level;
  });
  hls.on(Hls.Events.SUBTITLE_TRACKS_UPDATED, (_, { subtitleTracks }) => {
    witness.texts = subtitleTracks.map(({ lang, name }) => ({ language: lang, label: name }));
  });
  // As a viewer chooses: when there is something to see.
  video.addEventListener("loadeddata", () => {
    if (text) hls.subtitleTrack = hls.subtitleTracks.findIndex(({ lang }) => lang === text);
  });
  hls.on(Hls.Events.FRAG_BUFFERED, (_, { frag }) => {
    if (frag.type === "main" && frag.sn !== "initSegment") choose(frag.sn + 1);
  });
  hls.on(Hls.Events.ERROR, (_, { details, fatal, error }) => {
    // Its word for a load that it gave up itself, to switch.
    if (details !== Hls.ErrorDetails.INTERNAL_ABORTED) witness.error(`${details}: ${error?.message ?? ""}`, fatal);
  });
  hls.loadSource(url);
  hls.attachMedia(video);
}

/** The same in Shaka Player, HLS or DASH. */
async function withShaka({ url, path, start, drm, text }, witness) {
  shaka.polyfill.installAll();
  const player = new shaka.Player();
  player.addEventListener("error", ({ detail }) => witness.error(`${detail.code} ${detail.data?.slice(0, 3)}`, detail.severity === 2));
  player.configure({ abr: { enabled: false }, streaming: { bufferingGoal: 5, rebufferingGoal: 0.5 } });
  if (drm) player.configure({ drm });
  const choose = (number) => {
    const height = path?.[Math.min(number, path.length - 1)];
    const track = player.getVariantTracks().find((t) => t.height === height);
    if (track && !track.active) player.selectVariantTrack(track, false);
  };
  let next = 0;
  player.addEventListener("segmentappended", ({ contentType }) => {
    if (contentType === "video") choose((next += 1));
  });
  if (path) player.configure({ abr: { restrictions: { minHeight: path[0], maxHeight: path[0] } } });
  await player.attach(video);
  try {
    await player.load(url, start);
    const tracks = player.getTextTracks();
    witness.texts = tracks.map(({ language, label }) => ({ language, label }));
    const wanted = tracks.find(({ language }) => language === text);
    if (wanted) player.selectTextTrack(wanted);
  } catch (error) {
    witness.error(`${error.code} ${error.data?.slice?.(0, 3) ?? error}`, true);
  }
}

/** Plays to the end and tells what was seen. */
window.view = async (viewing) => {
  const witness = new Witness();
  const outcome = witness.outcome(viewing.patience);
  await (viewing.player === "hls.js" ? withHls : withShaka)(viewing, witness);
  video.play().catch((error) => witness.error(`play: ${error.message}`, true));
  return outcome;
};
