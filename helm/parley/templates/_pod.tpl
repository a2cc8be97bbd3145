{{/* What the pods have in common: who they run as, where they run, their probes, their mounted Secrets. */}}

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
    {{- include "parley.selectorLabels" . | nindent 4 }}
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
  {{- include "parley.labels" . | nindent 2 }}
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
  {{- include "parley.podSecurity" . | nindent 2 }}
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
        {{- include "parley.selectorLabels" $ | nindent 8 }}
      {{- end }}
  {{- end }}
{{- end }}
{{- end }}

{{/* A container's fields beside its environment, ports, probes and mounts; `package` names the image. */}}
{{- define "parley.container" -}}
image: {{ include "parley.image" . | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  {{- include "parley.containerSecurity" . | nindent 2 }}
{{- with .values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "parley.lifecycle" -}}
{{- with int .values.preStopSleepSeconds }}
# Callers hear of a pod that is to go some moments later: until then it serves.
lifecycle:
  preStop:
    sleep: {seconds: {{ . }}}
{{- end }}
{{- end }}

{{/* Probes of a service that speaks gRPC. The kubelet presents no certificate, so with mutual TLS the pod asks itself. */}}
{{- define "parley.grpcProbes" -}}
{{- $port := include "parley.port" .name }}
{{- $action := dict "grpc" (dict "port" (int $port)) }}
{{- if .root.Values.tls.enabled }}
{{- $host := ternary "[::1]" "127.0.0.1" (eq .root.Values.listenAddress "[::]") }}
{{- $action = dict "exec" (dict "command" (list "python" "-m" "parley_chassis.probe" (printf "%s:%s" $host $port) (include "parley.name" .))) }}
{{- end }}
{{- include "parley.probes" (dict "values" .values "startup" $action "ready" $action "live" $action) }}
{{- end }}

{{- define "parley.httpProbes" -}}
{{- $live := dict "httpGet" (dict "path" "/health/live" "port" "http") }}
{{- $ready := dict "httpGet" (dict "path" "/health/ready" "port" "http") }}
{{- include "parley.probes" (dict "values" .values "startup" $live "ready" $ready "live" $live) }}
{{- end }}

{{- define "parley.probes" -}}
{{- with .values.probes }}
startupProbe:
  {{- toYaml $.startup | nindent 2 }}
  periodSeconds: 2
  timeoutSeconds: {{ int .timeoutSeconds }}
  failureThreshold: {{ divf .startupSeconds 2 | ceil | int }}
readinessProbe:
  {{- toYaml $.ready | nindent 2 }}
  periodSeconds: {{ int .periodSeconds }}
  timeoutSeconds: {{ int .timeoutSeconds }}
  failureThreshold: {{ int .failureThreshold }}
livenessProbe:
  {{- toYaml $.live | nindent 2 }}
  periodSeconds: {{ int .periodSeconds }}
  timeoutSeconds: {{ int .timeoutSeconds }}
  failureThreshold: {{ int .failureThreshold }}
{{- end }}
{{- end }}

{{/* Mounts that depend on no service: /tmp and the certificates. Whole folders, so that what changes in a Secret arrives. */}}
{{- define "parley.mounts" -}}
- {name: tmp, mountPath: /tmp}
{{- if .root.Values.tls.enabled }}
- {name: tls, mountPath: /etc/parley/tls, readOnly: true}
{{- end }}
{{- end }}

{{- define "parley.volumes" -}}
- name: tmp
  emptyDir: {sizeLimit: {{ .root.Values.tmpSize }}}
{{- with .root.Values.tls }}
{{- if .enabled }}
- name: tls
  secret:
    secretName: {{ include "parley.tlsSecret" $ }}
    defaultMode: 0440
    items:
      - {key: {{ .certificateKey | quote }}, path: {{ .certificateKey | quote }}}
      - {key: {{ .privateKeyKey | quote }}, path: {{ .privateKeyKey | quote }}}
      - {key: {{ .caKey | quote }}, path: {{ .caKey | quote }}}
{{- end }}
{{- end }}
{{- end }}

{{- define "parley.tlsSecret" -}}
{{- $tls := .root.Values.tls }}
{{- if $tls.certManager.enabled }}
{{- include "parley.name" . }}-tls
{{- else }}
{{- index $tls.existingSecrets .name | default $tls.existingSecret }}
{{- end }}
{{- end }}

{{- define "parley.databaseMount" -}}
{{- if .root.Values.database.ca.existingSecret }}
- {name: database, mountPath: /etc/parley/database, readOnly: true}
{{- end }}
{{- end }}

{{- define "parley.databaseVolume" -}}
{{- with .root.Values.database.ca }}
{{- if .existingSecret }}
- name: database
  secret:
    secretName: {{ .existingSecret | quote }}
    defaultMode: 0440
    items:
      - {key: {{ .key | quote }}, path: {{ .key | quote }}}
{{- end }}
{{- end }}
{{- end }}
