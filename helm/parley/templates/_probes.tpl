{{/* How the kubelet asks whether a service lives, and how one is told to go. */}}

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
{{- $period := ternary 5 2 (hasKey .startup "exec") }}
{{- with .values.probes }}
startupProbe:
  {{- toYaml $.startup | nindent 2 }}
  periodSeconds: {{ $period }}
  timeoutSeconds: {{ int .timeoutSeconds }}
  failureThreshold: {{ divf .startupSeconds $period | ceil | int }}
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
