"""What each built-in profile makes of a real clip: rates, sizes, VMAF of each rung, CPU and memory of the
engine; for docs/src/how-to/codecs.md. One process, one clip; not a claim."""

import json

from world.media import CLIP, engine, fresh, joined, plan_order, video_bits, vmaf

SIZE, SECONDS = (1280, 720), 24
PROFILES = {
    "standard": ("H264", "AAC", [(1080, 5000), (720, 2800), (540, 1600), (360, 700), (240, 350)]),
    "mobile": ("H264", "AAC", [(480, 1100), (360, 600), (240, 300)]),
    "hevc": ("HEVC", "AAC", [(1080, 3200), (720, 1800), (540, 1000), (360, 450), (240, 220)]),
    "av1": ("AV1", "Opus", [(1080, 2600), (720, 1500), (540, 850), (360, 380), (240, 190)]),
    "vp9": ("VP9", "Opus", [(1080, 3400), (720, 1900), (540, 1050), (360, 460), (240, 230)]),
}


def order(codec, sound, ladder):
    asked = plan_order([])
    asked["request"]["renditions"] = [{"height": height, "maxKbps": kbps, "codec": codec} for height, kbps in ladder]
    asked["request"]["audio"] = {"kbps": 128, "codec": sound}
    return asked


def main():
    for name, (codec, sound, ladder) in PROFILES.items():
        folder = fresh(f"profiles/{name}")
        cost = engine(CLIP, order(codec, sound, ladder), folder)
        print(f"{name}: {cost}", flush=True)
        plan = json.loads((folder / "out/plan.json").read_text())
        for track in plan["tracks"]:
            path = joined(folder, track["id"])
            mib = path.stat().st_size / 2**20
            if track["media"]["kind"] == "audio":
                print(f"  {track['id']:<12} {track['codecs']:<32} {8 * path.stat().st_size / SECONDS / 1000:5.0f} kbit/s {mib:6.2f} MiB")
                continue
            kbps = video_bits(path) / SECONDS / 1000
            print(f"  {track['id']:<12} {track['codecs']:<32} {kbps:5.0f} kbit/s {mib:6.2f} MiB VMAF {vmaf(path, CLIP, SIZE):5.1f}", flush=True)


if __name__ == "__main__":
    main()
