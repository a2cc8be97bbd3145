"""The volumes of a pod as folders of this machine, laid out as the kubelet does: keys are links into a dated folder."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from tests.kube.chart.node.box import Mount
from tests.kube.client import CONFIG_MAPS, SECRETS, ApiError, Client, Object

Files = dict[str, tuple[bytes, int]]
"""By path within the volume: content and mode."""
EVERYBODY_READS = 0o644


class VolumeError(Exception):
    """A volume cannot be made, in the kubelet's words; the pod does not start."""


@dataclass
class Volumes:
    """Of one pod. `refresh` writes what has changed in Secrets and ConfigMaps, as the kubelet does within a minute."""

    kube: Client
    pod: Object
    folder: Path
    _numbers: count[int]

    @classmethod
    def of(cls, kube: Client, pod: Object, folder: Path) -> Volumes:
        return cls(kube, pod, folder, count(1))

    async def refresh(self) -> None:
        for volume in self.pod["spec"].get("volumes", []):
            place = self.folder / volume["name"]
            if "emptyDir" in volume:
                place.mkdir(parents=True, exist_ok=True)
                place.chmod(0o777)
            else:
                self._lay_out(place, await self._files(volume))

    def mounts(self, container: Object) -> list[Mount]:
        found = []
        for mount in container.get("volumeMounts", []):
            [volume] = [one for one in self.pod["spec"]["volumes"] if one["name"] == mount["name"]]
            source = self.folder / mount["name"] / mount.get("subPath", "")
            if not source.exists():
                raise VolumeError(f"volume {mount['name']} has no {mount['subPath']}")
            is_read_only = mount.get("readOnly", False) or "emptyDir" not in volume
            # A part of a volume stays as it was when it was mounted.
            place = source.resolve() if "subPath" in mount else source
            found.append(Mount(str(place), mount["mountPath"], is_read_only))
        return found

    async def _files(self, volume: Object) -> Files:
        if source := volume.get("secret"):
            return await self._secret({"name": source["secretName"], **source}, source.get("defaultMode"))
        if source := volume.get("configMap"):
            return await self._config_map(source, source.get("defaultMode"))
        if projected := volume.get("projected"):
            files: Files = {}
            for one in projected["sources"]:
                files |= await self._projected(one, projected.get("defaultMode"))
            return files
        raise VolumeError(f"volume {volume['name']}: nothing here can be {', '.join(set(volume) - {'name'})}")

    async def _projected(self, source: Object, mode: int | None) -> Files:
        [(kind, content)] = source.items()
        if kind == "secret":
            return await self._secret(content, mode)
        if kind == "configMap":
            return await self._config_map(content, mode)
        if kind == "serviceAccountToken":
            account, namespace = self.pod["spec"]["serviceAccountName"], self.pod["metadata"]["namespace"]
            token = await self.kube.token(account, namespace, content.get("expirationSeconds", 3600))
            return {content["path"]: (token.encode(), mode or EVERYBODY_READS)}
        assert kind == "downwardAPI", kind
        return {
            item["path"]: (field_of(self.pod, item["fieldRef"]["fieldPath"]).encode(), mode or EVERYBODY_READS)
            for item in content["items"]
        }

    async def _secret(self, source: Object, mode: int | None) -> Files:
        found = await self._object(source, "secret")
        return _chosen(source, {key: base64.b64decode(value) for key, value in found.get("data", {}).items()}, mode)

    async def _config_map(self, source: Object, mode: int | None) -> Files:
        found = await self._object(source, "configmap")
        data = {key: value.encode() for key, value in found.get("data", {}).items()}
        binary = {key: base64.b64decode(value) for key, value in found.get("binaryData", {}).items()}
        return _chosen(source, data | binary, mode)

    async def _object(self, source: Object, kind: str) -> Object:
        resource = {"secret": SECRETS, "configmap": CONFIG_MAPS}[kind]
        try:
            return await self.kube.get(resource, source["name"], self.pod["metadata"]["namespace"])
        except ApiError as error:
            if error.status != 404:
                raise
            if source.get("optional"):
                return {}
            raise VolumeError(f'{kind} "{source["name"]}" not found') from None

    def _lay_out(self, place: Path, files: Files) -> None:
        dated = place / f"..generation-{next(self._numbers)}"
        group = self.pod["spec"].get("securityContext", {}).get("fsGroup")
        dated.mkdir(parents=True)
        for name, (content, mode) in files.items():
            path = dated / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            if group is not None:
                os.chown(path, -1, group)
                mode |= 0o440
            path.chmod(mode)
        link = place / "..data_tmp"
        link.symlink_to(dated.name)
        link.rename(place / "..data")
        for top in {Path(name).parts[0] for name in files}:
            if not (place / top).is_symlink():
                (place / top).symlink_to(Path("..data") / top)
        for path in place.iterdir():
            # A key that is gone.
            if path.is_symlink() and not path.exists():
                path.unlink()


def field_of(pod: Object, path: str, address: str = "") -> str:
    """What a fieldRef means."""
    spec, metadata = pod["spec"], pod["metadata"]
    if path.startswith(("metadata.labels['", "metadata.annotations['")):
        kind, _, rest = path.removeprefix("metadata.").partition("['")
        return str(metadata.get(kind, {}).get(rest.removesuffix("']"), ""))
    found: str = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata["namespace"],
        "metadata.uid": metadata["uid"],
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", ""),
        "status.podIP": address,
        "status.podIPs": address,
    }[path]
    return found


def _chosen(source: Object, data: dict[str, bytes], mode: int | None) -> Files:
    mode = source.get("defaultMode") or mode or EVERYBODY_READS
    if "items" not in source:
        return {key: (content, mode) for key, content in data.items()}
    missing = [item["key"] for item in source["items"] if item["key"] not in data]
    if missing and not source.get("optional"):
        raise VolumeError(f"references non-existent key: {', '.join(missing)}")
    return {
        item["path"]: (data[item["key"]], item.get("mode") or mode) for item in source["items"] if item["key"] in data
    }
