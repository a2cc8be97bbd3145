{{/* Where the agents' folders come from: ConfigMaps, a volume, an image, or the service's own image. */}}

{{- define "parley.agentVariables" -}}
{{- $names := list }}
{{- range . }}{{ $names = append $names .name }}{{ end }}
{{- join "," $names }}
{{- end }}

{{- define "parley.agentMounts" -}}
{{- with .root.Values.agents }}
{{- range $name, $_ := .configMaps }}
- {name: {{ include "parley.agentVolume" $name }}, mountPath: /agents/{{ $name }}, readOnly: true}
{{- end }}
{{- if .volume.existingClaim }}
- name: agents
  mountPath: /agents
  {{- with .volume.subPath }}
  subPath: {{ . | quote }}
  {{- end }}
  readOnly: true
{{- else if and .image.reference (eq .image.mode "volume") }}
- {name: agents, mountPath: /agents, subPath: {{ trimPrefix "/" .image.path | quote }}, readOnly: true}
{{- else if .image.reference }}
- {name: agents, mountPath: /agents, readOnly: true}
{{- end }}
{{- end }}
{{- end }}

{{- define "parley.agentVolumes" -}}
{{- with .root.Values.agents }}
{{- range $name, $source := .configMaps }}
- name: {{ include "parley.agentVolume" $name }}
  configMap:
    name: {{ $source.name }}
    defaultMode: 0444
    {{- with $source.items }}
    items:
      {{- toYaml . | nindent 6 }}
    {{- end }}
{{- end }}
{{- if .volume.existingClaim }}
- name: agents
  persistentVolumeClaim: {claimName: {{ .volume.existingClaim }}, readOnly: true}
{{- else if and .image.reference (eq .image.mode "volume") }}
- name: agents
  image: {reference: {{ .image.reference | quote }}, pullPolicy: {{ .image.pullPolicy }}}
{{- else if .image.reference }}
- name: agents
  emptyDir: {}
{{- end }}
{{- end }}
{{- end }}

{{/* A volume's name: an agent's may have underscores and capitals. */}}
{{- define "parley.agentVolume" -}}
agent-{{ . | lower | replace "_" "-" | replace "." "-" | trunc 48 | trimSuffix "-" }}-{{ . | sha256sum | trunc 6 }}
{{- end }}

{{- define "parley.agentInitContainers" -}}
{{- with .root.Values.agents.image }}
{{- if and .reference (eq .mode "copy") }}
initContainers:
  - name: agents
    image: {{ .reference | quote }}
    imagePullPolicy: {{ .pullPolicy }}
    command: [cp, -R, {{ printf "%s/." (trimSuffix "/" .path) | quote }}, /parley-agents/]
    securityContext:
      {{- include "parley.containerSecurity" $ | trim | nindent 6 }}
    resources:
      requests: {cpu: 50m, memory: 32Mi}
      limits: {memory: 128Mi}
    # Not at /agents, where the image may have what is to be copied.
    volumeMounts:
      - {name: agents, mountPath: /parley-agents}
{{- end }}
{{- end }}
{{- end }}
