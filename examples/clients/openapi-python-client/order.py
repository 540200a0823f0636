"""Orders a video with the client that openapi-python-client generates: order.py API OUTPUT PICTURE VOICE [VOICE]"""

import sys
import time
from contextlib import ExitStack
from pathlib import Path

from text2video_client import Client
from text2video_client.api.videos import create_video, download_video, get_video
from text2video_client.models import Error, Video, VideoOrder, VideoOrderAudioType, VideoOrderPreset, VideoStatus
from text2video_client.types import File


def video_of(answer: Video | Error | None) -> Video:
    if isinstance(answer, Video):
        return answer
    raise SystemExit(answer.error.message if answer else "an answer that the document does not have")


def main(api: str, output: str, picture: str, *voices: str) -> None:
    client = Client(base_url=api)
    with ExitStack() as files:

        def file(path: str) -> File:
            return File(payload=files.enter_context(open(path, "rb")), file_name=Path(path).name)

        order = VideoOrder(
            input_reference=file(picture),
            audio=[file(voice) for voice in voices],
            prompt="Two people talk",
            audio_type=VideoOrderAudioType.PARA,
            preset=VideoOrderPreset.TURBO,
        )
        video = video_of(create_video.sync(client=client, body=order))
    while video.status in (VideoStatus.QUEUED, VideoStatus.PROCESSING):
        time.sleep(1)
        video = video_of(get_video.sync(video.id, client=client))
    if video.status != VideoStatus.COMPLETED:
        raise SystemExit(f"{video.id}: {video.error}")
    content = download_video.sync(video.id, client=client)
    if not isinstance(content, File):
        raise SystemExit(f"{video.id} cannot be downloaded")
    Path(output).write_bytes(content.payload.read())
    print(video.id)


main(*sys.argv[1:])
