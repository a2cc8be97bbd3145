{{/* What the pods have in common: who they run as, and where they run. */}}

{{- define "parley.podSecurity" -}}
runAsNonRoot: true
{{- with .root.Values.podSecurity }}
{{- with .runAsUser }}
runAsUser: {{ int . }}
{{- end }}
{{- with .runAsGroup }}
runAsGroup: {{ int . }}
{{- end }}
{{- with .fsGroup }}
fsGroup: {{ int . }}
fsGroupChangePolicy: OnRootMismatch
{{- end }}
{{- end }}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "parley.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* A Deployment's fields before its pod's. */}}
{{- define "parley.deploymentSpec" -}}
{{- if not .values.autoscaling.enabled }}
replicas: {{ int .values.replicas }}
{{- end }}
revisionHistoryLimit: 5
selector:
  matchLabels:
    {{- include "parley.selectorLabels" . | trim | nindent 4 }}
strategy:
  type: RollingUpdate
  rollingUpdate: {maxUnavailable: 0, maxSurge: 1}
{{- end }}

{{- define "parley.podMetadata" -}}
{{- with .values.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
labels:
  {{- include "parley.labels" . | trim | nindent 2 }}
  {{- with .values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* A pod's fields beside its containers and volumes. */}}
{{- define "parley.podSpec" -}}
serviceAccountName: {{ include "parley.name" . }}
automountServiceAccountToken: {{ eq .name "operator" }}
# Variables about Services, named like Parley's own, would be taken for misspelt settings.
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  {{- include "parley.podSecurity" . | trim | nindent 2 }}
terminationGracePeriodSeconds: {{ int .values.terminationGracePeriodSeconds }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "parley.topologySpread" -}}
{{- with .values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- range . }}
  - {{ omit . "labelSelector" | toYaml | nindent 4 | trim }}
    labelSelector:
      {{- if .labelSelector }}
      {{- toYaml .labelSelector | nindent 6 }}
      {{- else }}
      matchLabels:
        {{- include "parley.selectorLabels" $ | trim | nindent 8 }}
      {{- end }}
  {{- end }}
{{- end }}
{{- end }}

{{/* A container's fields beside its environment, ports, probes and mounts; `package` names the image. */}}
{{- define "parley.container" -}}
image: {{ include "parley.image" . | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  {{- include "parley.containerSecurity" . | trim | nindent 2 }}
{{- with .values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
