"""Orders a video with the Python client that openapi-generator generates: order.py API OUTPUT PICTURE VOICE [VOICE]"""

import sys
import time
from pathlib import Path

from text2video_client import ApiClient, Configuration, VideosApi


def file(path: str) -> tuple[str, bytes]:
    return Path(path).name, Path(path).read_bytes()


def main(api: str, output: str, picture: str, *voices: str) -> None:
    with ApiClient(Configuration(host=api)) as client:
        videos = VideosApi(client)
        video = videos.create_video(
            input_reference=file(picture),
            audio=[file(voice) for voice in voices],
            prompt="Two people talk",
            audio_type="para",
            preset="turbo",
        )
        while video.status in ("queued", "processing"):
            time.sleep(1)
            video = videos.get_video(video.id)
        if video.status != "completed":
            raise SystemExit(f"{video.id}: {video.error}")
        Path(output).write_bytes(videos.download_video(video.id))
    print(video.id)


main(*sys.argv[1:])
